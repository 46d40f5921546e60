/** What is different between two definitions, node by node: for saying it in a sentence and for colouring a graph. */
import type { Graph, GraphEdge } from './graph';
import { called, renames } from './renames';
import { equal } from './text';

export type Change = 'added' | 'removed' | 'changed' | 'same';

export interface Comparison {
  /** Nodes of both, by the id that they have now. */
  nodes: Map<string, Change>;
  /** Those that are called otherwise now: the id that they have by the one that they had. */
  renamed: Map<string, string>;
  /** Edges of both, by `from>to`. */
  edges: Map<string, Change>;
  /** Keys at the top other than nodes and edges that differ. */
  top: string[];
  /** The earlier one, with its steps called as they are now. */
  before: Graph;
}

const EDGES = ['nodes', 'edges', 'chain'];

export function compare(earlier: Graph, after: Graph): Comparison {
  // What names a step that is called otherwise now differs by nothing else.
  const renamed = renames(earlier, after);
  const before = called(earlier, renamed);
  const old = new Map(before.nodes.map((node) => [node.id, node.body]));
  const nodes = new Map<string, Change>();
  for (const { id, body } of after.nodes) {
    const was = old.get(id);
    nodes.set(id, was === undefined ? 'added' : equal(was, body) ? 'same' : 'changed');
  }
  for (const id of old.keys()) if (!nodes.has(id)) nodes.set(id, 'removed');
  const keys = new Set([...Object.keys(before.value), ...Object.keys(after.value)]);
  return {
    nodes,
    renamed,
    before,
    edges: edgeChanges(before.edges, after.edges),
    top: [...keys].filter((key) => !EDGES.includes(key) && !equal(before.value[key], after.value[key])),
  };
}

function edgeChanges(before: GraphEdge[], after: GraphEdge[]): Map<string, Change> {
  const [old, now] = [before, after].map((edges) => new Map(edges.map((edge) => [edgeKey(edge), edge])));
  const changes = new Map<string, Change>();
  for (const [key, edge] of now as Map<string, GraphEdge>) {
    const was = (old as Map<string, GraphEdge>).get(key);
    const same = was && was.kind === edge.kind && was.label === edge.label;
    changes.set(key, !was ? 'added' : same ? 'same' : 'changed');
  }
  for (const key of (old as Map<string, GraphEdge>).keys())
    if (!changes.has(key)) changes.set(key, 'removed');
  return changes;
}

export function edgeKey(edge: { from: string; to: string }): string {
  return `${edge.from}>${edge.to}`;
}

/** More are counted. */
const NAMED = 3;

/** `2 steps added, draft is now called article`. */
export function inWords({ nodes, renamed, edges, top }: Comparison): string {
  const count = (of: Change) => [...nodes.values()].filter((one) => one === of).length;
  const parts = (['added', 'changed', 'removed'] as const)
    .map((of) => [count(of), of] as const)
    .filter(([n]) => n > 0)
    .map(([n, of]) => `${n} ${n === 1 ? 'step' : 'steps'} ${of}`);
  const moved = [...edges.values()].filter((one) => one !== 'same').length;
  if (parts.length === 0 && moved > 0) parts.push(`${moved} ${moved === 1 ? 'edge' : 'edges'} changed`);
  if (renamed.size > NAMED) parts.push(`${renamed.size} steps renamed`);
  else parts.push(...[...renamed].map(([was, is]) => `${was} is now called ${is}`));
  if (top.length > 0) parts.push(`${top.join(', ')} changed`);
  return parts.length > 0 ? parts.join(', ') : 'Only comments and order have changed';
}
