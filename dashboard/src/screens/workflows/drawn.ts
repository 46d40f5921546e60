/** A definition as the graph that is only looked at draws it, alone or with what differs from another version. */
import type { FlowDiff, FlowEdge, FlowNode } from '$lib/graph/types';
import { compare } from '../builder/model/compare';
import type { Graph, GraphEdge, GraphNode } from '../builder/model/graph';

export interface Drawn {
  nodes: FlowNode[];
  edges: FlowEdge[];
}

export function drawn(graph: Graph): Drawn {
  return { nodes: graph.nodes.map(nodeOf), edges: unique(graph.edges.map(edgeOf)) };
}

/** Both versions in one picture: what is gone is drawn, too, and what is called otherwise once, by the name that it has. */
export function drawnTogether(earlier: Graph, after: Graph): Drawn & { diff: Map<string, FlowDiff> } {
  const { nodes: changes, renamed, before } = compare(earlier, after);
  const gone = before.nodes.filter((node) => changes.get(node.id) === 'removed');
  const diff = new Map<string, FlowDiff>();
  for (const [id, change] of changes) if (change !== 'same') diff.set(id, change);
  for (const id of renamed.values()) diff.set(id, 'changed');
  return {
    nodes: [...after.nodes, ...gone].map(nodeOf),
    edges: unique([...after.edges, ...before.edges].map(edgeOf)),
    diff,
  };
}

function nodeOf(node: GraphNode): FlowNode {
  const inner = node.inner.map((one) => one.summary || one.type).join(' › ');
  return {
    id: node.id,
    type: node.type,
    detail: inner ? `${node.summary} · ${inner}` : node.summary,
    description: node.description,
  };
}

function edgeOf(edge: GraphEdge): FlowEdge {
  return {
    from: edge.from,
    to: edge.to,
    kind: edge.kind,
    when: edge.source === 'goto' ? undefined : edge.label || undefined,
    onError: edge.source === 'goto',
  };
}

/** One line for each pair, however often the text says it. */
function unique(edges: FlowEdge[]): FlowEdge[] {
  return [...new Map(edges.map((edge) => [`${edge.from}>${edge.to}`, edge])).values()];
}
