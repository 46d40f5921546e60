/**
 * What a definition looks like as nodes and edges. It is read from whatever stands in the text: a document that does not compile, or is
 * of no sensible shape, is drawn as far as it goes and never throws.
 */
import { isMapping } from './write';
import type { Path } from './text';

export const NODE_TYPES = [
  'agent_call',
  'tool_call',
  'workflow',
  'human_gate',
  'condition',
  'parallel',
  'join',
  'map',
  'loop',
  'wait',
  'emit',
  'transform',
] as const;
export type NodeType = (typeof NODE_TYPES)[number];

/** What may stand inside of a map or a loop. */
export const INNER_TYPES: readonly NodeType[] = [
  'agent_call',
  'tool_call',
  'human_gate',
  'transform',
  'wait',
  'emit',
  'workflow',
  'map',
  'loop',
];
/** So deep may maps and loops stand in each other. */
const INNER_MAX = 4;

export type EdgeKind = 'hard' | 'soft' | 'optional';
/** Which part of the text an edge comes from. */
export type EdgeSource = 'needs' | 'edges' | 'chain' | 'branches' | 'cases' | 'goto';

export interface Inner {
  type: string;
  summary: string;
  /** Where it stands in the document. */
  path: Path;
}

export interface GraphNode {
  id: string;
  type: string;
  /** What it does, in a few words: whom it calls, what it waits for. */
  summary: string;
  description: string;
  /** What stands inside of a map or a loop, the outermost first. */
  inner: Inner[];
  /** The ways of a condition with `cases`, in their order. */
  cases: string[];
  body: Record<string, unknown>;
}

export interface GraphEdge {
  id: string;
  from: string;
  to: string;
  kind: EdgeKind;
  source: EdgeSource;
  /** Where it stands in the document. */
  path: Path;
  /** What has to hold, or which way it is. */
  label: string;
}

export interface Graph {
  name: string;
  description: string;
  nodes: GraphNode[];
  /** Those between nodes that are there. */
  edges: GraphEdge[];
  /** Ids that are named and not there, with who names them. */
  missing: { from: string; to: string }[];
  /** The whole document. */
  value: Record<string, unknown>;
}

export function graphOf(document: unknown): Graph {
  const value = isMapping(document) ? document : {};
  const nodes = isMapping(value.nodes) ? value.nodes : {};
  const graph: Graph = {
    name: text(value.name),
    description: text(value.description),
    nodes: Object.entries(nodes).map(([id, body]) => nodeOf(id, body)),
    edges: [],
    missing: [],
    value,
  };
  const found = [...graph.nodes.flatMap(edgesOfNode), ...edgesAtTop(value)];
  const ids = new Set(graph.nodes.map((node) => node.id));
  const seen = new Map<string, number>();
  for (const edge of found) {
    if (!ids.has(edge.from) || !ids.has(edge.to)) {
      graph.missing.push({ from: edge.from, to: edge.to });
      continue;
    }
    const key = `${edge.source}:${edge.from}>${edge.to}`;
    const times = (seen.get(key) ?? 0) + 1;
    seen.set(key, times);
    graph.edges.push({ ...edge, id: times === 1 ? key : `${key}#${times}` });
  }
  return graph;
}

function nodeOf(id: string, body: unknown): GraphNode {
  const own = isMapping(body) ? body : {};
  const cases = Array.isArray(own.cases) ? own.cases : [];
  return {
    id,
    type: text(own.type) || 'unknown',
    summary: summaryOf(own),
    description: text(own.description),
    inner: innerOf(id, own),
    cases: own.type === 'condition' ? cases.map(caseLabel) : [],
    body: own,
  };
}

function innerOf(id: string, body: Record<string, unknown>): Inner[] {
  const inner: Inner[] = [];
  let path: Path = ['nodes', id];
  let here: unknown = body;
  while (isMapping(here) && (here.type === 'map' || here.type === 'loop') && inner.length <= INNER_MAX) {
    path = [...path, 'node'];
    here = here.node;
    if (isMapping(here)) inner.push({ type: text(here.type) || 'unknown', summary: summaryOf(here), path });
  }
  return inner;
}

/** Whom it calls, what it waits for: what tells it from others of its type. */
export function summaryOf(body: Record<string, unknown>): string {
  switch (body.type) {
    case 'agent_call':
      return text(body.agent) || (body.capability ? `any ${text(body.capability)}` : '');
    case 'tool_call':
      return text(body.tool) || (body.capability ? `any ${text(body.capability)}` : '');
    case 'workflow':
      return text(body.workflow) + (body.version ? ` v${text(body.version)}` : '');
    case 'human_gate':
      return text(body.action);
    case 'condition':
      return Array.isArray(body.cases) ? `${body.cases.length} ways` : text(body.when);
    case 'parallel':
      return isMapping(body.branches) ? `${Object.keys(body.branches).length} branches` : '';
    case 'join':
      return isMapping(body.require) ? `${text(body.require.quorum)} of them` : text(body.require);
    case 'map':
      return body.over === undefined
        ? ''
        : `over ${Array.isArray(body.over) ? `${body.over.length} items` : text(body.over)}`;
    case 'loop':
      return body.until === undefined ? '' : `until ${text(body.until)}`;
    case 'wait':
      if (body.for !== undefined) return `for ${text(body.for)}`;
      if (body.until !== undefined) return `until ${text(body.until)}`;
      return isMapping(body.signal) ? `signal ${text(body.signal.name)}` : '';
    case 'emit':
      return text(body.event);
    case 'transform':
      return text(body.expression) || (body.value === undefined ? '' : short(body.value));
    default:
      return '';
  }
}

function edgesOfNode(node: GraphNode): Omit<GraphEdge, 'id'>[] {
  const { id, body } = node;
  const at = (...rest: (string | number)[]): Path => ['nodes', id, ...rest];
  const edges: Omit<GraphEdge, 'id'>[] = [];
  list(body.needs).forEach((need, n) => {
    const from = isMapping(need) ? text(need.node) : text(need);
    const kind = isMapping(need) ? kindOf(need.kind) : 'hard';
    edges.push({ from, to: id, kind, source: 'needs', path: at('needs', n), label: '' });
  });
  if (node.type === 'parallel' && isMapping(body.branches)) {
    for (const [branch, ids] of Object.entries(body.branches)) {
      list(ids).forEach((to, n) => {
        const from = n === 0 ? id : text(list(ids)[n - 1]);
        const label = n === 0 ? branch : '';
        edges.push({
          from,
          to: text(to),
          kind: 'hard',
          source: 'branches',
          path: at('branches', branch, n),
          label,
        });
      });
    }
  }
  if (node.type === 'condition') {
    list(body.cases).forEach((one, n) => {
      if (!isMapping(one)) return;
      list(one.to).forEach((to, k) => {
        edges.push({
          from: id,
          to: text(to),
          kind: 'hard',
          source: 'cases',
          path: at('cases', n, 'to', k),
          label: caseLabel(one),
        });
      });
    });
  }
  if (isMapping(body.on_error) && body.on_error.goto !== undefined) {
    edges.push({
      from: id,
      to: text(body.on_error.goto),
      kind: 'hard',
      source: 'goto',
      path: at('on_error'),
      label: 'on error',
    });
  }
  return edges;
}

function edgesAtTop(value: Record<string, unknown>): Omit<GraphEdge, 'id'>[] {
  const edges: Omit<GraphEdge, 'id'>[] = [];
  list(value.edges).forEach((edge, n) => {
    if (!isMapping(edge)) return;
    edges.push({
      from: text(edge.from),
      to: text(edge.to),
      kind: kindOf(edge.kind),
      source: 'edges',
      path: ['edges', n],
      label: text(edge.when),
    });
  });
  const chains = list(value.chain);
  const isFlat = chains.some((one) => typeof one === 'string');
  (isFlat ? [chains] : chains).forEach((chain, n) => {
    list(chain).forEach((to, k) => {
      if (k === 0) return;
      const path = isFlat ? ['chain', k] : ['chain', n, k];
      edges.push({
        from: text(list(chain)[k - 1]),
        to: text(to),
        kind: 'hard',
        source: 'chain',
        path,
        label: '',
      });
    });
  });
  return edges;
}

/** The nodes from which one can come to this one: those whose values it may read. */
export function upstream(graph: Graph, id: string): string[] {
  const parents = new Map<string, string[]>();
  for (const edge of graph.edges) parents.set(edge.to, [...(parents.get(edge.to) ?? []), edge.from]);
  const found = new Set<string>();
  const open = [...(parents.get(id) ?? [])];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (next === id || found.has(next)) continue;
    found.add(next);
    open.push(...(parents.get(next) ?? []));
  }
  return graph.nodes.map((node) => node.id).filter((one) => found.has(one));
}

/** Whether an edge would close a circle. */
export function closesCircle(graph: Graph, from: string, to: string): boolean {
  return from === to || upstream(graph, from).includes(to);
}

function caseLabel(one: unknown): string {
  if (!isMapping(one)) return '';
  return one.else === true ? 'else' : text(one.when);
}

function kindOf(kind: unknown): EdgeKind {
  return kind === 'soft' || kind === 'optional' ? kind : 'hard';
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function text(value: unknown): string {
  if (typeof value === 'string') return value;
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : '';
}

function short(value: unknown): string {
  const whole = typeof value === 'string' ? value : JSON.stringify(value);
  return whole.length > 80 ? `${whole.slice(0, 79)}…` : whole;
}
