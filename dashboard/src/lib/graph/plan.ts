/** Makes a graph of a plan, of the steps of a run, and of what their definition says about the edges between them. */
import type { components } from '$lib/api/schema';
import type { EdgeKind, FlowEdge, Graph } from './types';

type Plan = components['schemas']['Plan'];

/** What of a definition is read here; anything else of it is left alone, and so is what has another form. */
interface Written {
  type?: string;
  needs?: unknown;
  when?: unknown;
  cases?: unknown;
  on_error?: unknown;
  description?: unknown;
  agent?: unknown;
  tool?: unknown;
  capability?: unknown;
  workflow?: unknown;
}

/** The graph of a plan; with the definition that it was made of, nodes have types and edges their kinds and conditions. */
export function graphOfPlan(plan: Pick<Plan, 'nodes'>, definition?: unknown): Graph {
  const written = nodesOf(definition);
  const edges = plan.nodes.flatMap((node) => node.needs.map((from): FlowEdge => ({ from, to: node.id })));
  return {
    nodes: plan.nodes.map((node) => {
      const own = written[node.id];
      return {
        id: node.id,
        type: own?.type,
        detail: node.agent ?? (own ? calleeOf(own) : undefined),
        description: text(own?.description),
      };
    }),
    edges: withWords(edges, definition),
  };
}

/** Adds to edges what the definition says of them. */
export function withWords(edges: FlowEdge[], definition: unknown): FlowEdge[] {
  const words = wordsOf(definition);
  return words.size === 0 ? edges : edges.map((edge) => ({ ...edge, ...words.get(key(edge.from, edge.to)) }));
}

/** Who a node calls, or what it runs. */
export function calleeOf(node: Written): string | undefined {
  return text(node.agent) ?? text(node.tool) ?? text(node.capability) ?? text(node.workflow);
}

export function nodesOf(definition: unknown): Record<string, Written> {
  const nodes = record(definition)?.nodes;
  return (record(nodes) ?? {}) as Record<string, Written>;
}

function wordsOf(definition: unknown): Map<string, Partial<FlowEdge>> {
  const words = new Map<string, Partial<FlowEdge>>();
  const add = (from: string, to: string, more: Partial<FlowEdge>) =>
    words.set(key(from, to), { ...words.get(key(from, to)), ...more });
  for (const [id, node] of Object.entries(nodesOf(definition))) {
    for (const need of list(node.needs)) {
      const of = record(need);
      const from = text(of?.node);
      if (from) add(from, id, { kind: kindOf(of?.kind), when: text(of?.when) });
    }
    for (const one of list(node.cases)) {
      const of = record(one);
      const when = of && 'else' in of ? 'else' : text(of?.when);
      for (const to of list(of?.to)) if (typeof to === 'string') add(id, to, { when });
    }
    const goto = text(record(node.on_error)?.goto);
    if (goto) add(id, goto, { onError: true });
  }
  for (const edge of list(record(definition)?.edges)) {
    const of = record(edge);
    const [from, to] = [text(of?.from), text(of?.to)];
    if (from && to) add(from, to, { kind: kindOf(of?.kind), when: text(of?.when) });
  }
  return words;
}

const key = (from: string, to: string) => `${from}\n${to}`;

function kindOf(value: unknown): EdgeKind | undefined {
  return value === 'hard' || value === 'soft' || value === 'optional' ? value : undefined;
}

function record(value: unknown): Record<string, unknown> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
