/** What one does to a workflow on the canvas and in forms, as edits of its text. All are pure: text in, text out. */
import { graphOf, type EdgeKind, type Graph, type GraphEdge, type NodeType } from './graph';
import { freeId, renamedWithin, wrongWithId } from './names';
import { EditRefused, insert, read, remove, renameKey, set, type Path } from './text';
import { isMapping, onOneLine } from './write';

/** What a new node of each type holds at first: what the compiler asks for, to be filled in. */
export const STARTERS: Record<NodeType, Record<string, unknown>> = {
  agent_call: { type: 'agent_call', agent: 'noop', input: {} },
  tool_call: { type: 'tool_call', tool: 'noop', effect: 'read', input: {} },
  workflow: { type: 'workflow', workflow: 'another-workflow' },
  human_gate: { type: 'human_gate', action: 'Please look at this', risk: 'medium' },
  condition: { type: 'condition', when: 'true' },
  parallel: { type: 'parallel', branches: {} },
  join: { type: 'join', require: 'all' },
  map: { type: 'map', over: '$input.items', node: { type: 'agent_call', agent: 'noop', input: { item: '$item' } } },
  loop: {
    type: 'loop',
    until: 'iteration >= 3',
    max: 3,
    node: { type: 'agent_call', agent: 'noop', input: { n: '$iteration' } },
  },
  wait: { type: 'wait', for: '10s' },
  emit: { type: 'emit', event: 'something.happened' },
  transform: { type: 'transform', value: {} },
};

const ID_WISHES: Partial<Record<string, string>> = {
  agent_call: 'call',
  tool_call: 'tool',
  workflow: 'child',
  human_gate: 'approve',
  loop: 'repeat',
  map: 'each',
};

/** Keys behind which `needs` and others are put, so that a body begins with what it is. */
const BEHIND = ['type', 'agent', 'tool', 'capability', 'workflow', 'require', 'over', 'until', 'event'];

export interface Added {
  text: string;
  ids: string[];
}

export function idsOf(text: string): Set<string> {
  const nodes = read(text).toJS()?.nodes as unknown;
  return new Set(isMapping(nodes) ? Object.keys(nodes) : []);
}

/** Adds a node, behind another one if that is named. */
export function addNode(text: string, body: Record<string, unknown>, after?: string, wish?: string): Added {
  const taken = idsOf(text);
  const named = wish ?? String(body.agent ?? body.tool ?? body.workflow ?? ID_WISHES[String(body.type)] ?? body.type);
  const id = freeId(named === 'noop' ? (ID_WISHES[String(body.type)] ?? 'step') : named, taken);
  const graph = graphOf(read(text).toJS());
  const parent = graph.nodes.find((node) => node.id === after);
  const [type, ...rest] = Object.entries(body);
  const whole =
    after && parent && parent.cases.length === 0 && type
      ? Object.fromEntries([type, ...rest.slice(0, 1), ['needs', [after]], ...rest.slice(1)])
      : body;
  let changed = set(text, ['nodes', id], whole);
  if (after && parent && parent.cases.length > 0) {
    changed = insert(changed, ['nodes', after, 'cases', parent.cases.length - 1, 'to'], id);
  }
  return { text: changed, ids: [id] };
}

/** Takes nodes away, and all that names them by id. What reads their values stays, and the compiler points at it. */
export function removeNodes(text: string, ids: readonly string[]): string {
  const gone = new Set(ids);
  let changed = text;
  // One at a time: every removal moves what comes behind it in its list.
  for (let edge = edgeOf(changed, gone); edge; edge = edgeOf(changed, gone)) changed = withoutMention(changed, edge, gone);
  for (const id of ids) changed = remove(changed, ['nodes', id]);
  return changed;
}

/** What names a node that goes, in a node that stays or at the top. */
function edgeOf(text: string, gone: ReadonlySet<string>): { path: Path; at: 'from' | 'to' } | null {
  const value = read(text).toJS() as unknown;
  if (!isMapping(value)) return null;
  const nodes = isMapping(value.nodes) ? value.nodes : {};
  for (const [id, body] of Object.entries(nodes)) {
    if (gone.has(id) || !isMapping(body)) continue;
    const needs = Array.isArray(body.needs) ? body.needs : [];
    const need = needs.findIndex((one: unknown) => gone.has(String(isMapping(one) ? one.node : one)));
    if (need !== -1) return { path: ['nodes', id, 'needs', need], at: 'from' };
    for (const [branch, list] of Object.entries(isMapping(body.branches) ? body.branches : {})) {
      const at = Array.isArray(list) ? list.findIndex((one) => gone.has(String(one))) : -1;
      if (at !== -1) return { path: ['nodes', id, 'branches', branch, at], at: 'to' };
    }
    const cases = Array.isArray(body.cases) ? body.cases : [];
    for (const [n, one] of cases.entries()) {
      const at = isMapping(one) && Array.isArray(one.to) ? one.to.findIndex((to) => gone.has(String(to))) : -1;
      if (at !== -1) return { path: ['nodes', id, 'cases', n, 'to', at], at: 'to' };
    }
    if (isMapping(body.on_error) && gone.has(String(body.on_error.goto))) {
      return { path: ['nodes', id, 'on_error'], at: 'to' };
    }
  }
  const edges = Array.isArray(value.edges) ? value.edges : [];
  const edge = edges.findIndex((one) => isMapping(one) && (gone.has(String(one.from)) || gone.has(String(one.to))));
  if (edge !== -1) return { path: ['edges', edge], at: 'to' };
  const chain = Array.isArray(value.chain) ? value.chain : [];
  for (const [n, one] of chain.entries()) {
    if (gone.has(String(one))) return { path: ['chain', n], at: 'to' };
    const at = Array.isArray(one) ? one.findIndex((id) => gone.has(String(id))) : -1;
    if (at !== -1) return { path: ['chain', n, at], at: 'to' };
  }
  return null;
}

function withoutMention(text: string, edge: { path: Path }, _gone: ReadonlySet<string>): string {
  // The list of a case has to stay, even when it is empty.
  const keepsList = edge.path.includes('cases');
  return remove(text, edge.path, !keepsList);
}

/** Draws an edge. `way` is the case of a condition that it goes out from. */
export function connect(text: string, from: string, to: string, kind: EdgeKind = 'hard', way?: number): string {
  const graph = graphOf(read(text).toJS());
  const [parent, child] = [from, to].map((id) => graph.nodes.find((node) => node.id === id));
  if (!parent || !child) throw new EditRefused('One of both is not there.');
  if (from === to) throw new EditRefused('A step cannot wait for itself.');
  if (parent.cases.length > 0) {
    const at = way ?? parent.cases.length - 1;
    const one = (parent.body.cases as { to?: unknown }[])[at];
    if (Array.isArray(one?.to) && one.to.includes(to)) return text;
    return insert(text, ['nodes', from, 'cases', at, 'to'], to);
  }
  if (parent.type === 'parallel' && way === undefined) {
    const branches = isMapping(parent.body.branches) ? parent.body.branches : {};
    const isIn = Object.values(branches).some((ids) => Array.isArray(ids) && ids.includes(to));
    if (isIn) return text;
    return set(text, ['nodes', from, 'branches', freeId(to, new Set(Object.keys(branches)))], [to]);
  }
  if (graph.edges.some((edge) => edge.from === from && edge.to === to && edge.source !== 'goto')) return text;
  return insert(text, ['nodes', to, 'needs'], kind === 'hard' ? from : { node: from, kind }, { behind: BEHIND });
}

/** Takes an edge away, where it was written. */
export function disconnect(text: string, edge: GraphEdge): string {
  if (edge.source === 'chain') return withoutLink(text, edge);
  if (edge.source === 'cases') return remove(text, edge.path);
  if (edge.source === 'branches') {
    const [, id] = edge.path;
    const without = remove(text, edge.path, true);
    const left = graphOf(read(without).toJS()).nodes.find((node) => node.id === id);
    return left && left.body.branches === undefined ? set(without, ['nodes', String(id), 'branches'], {}) : without;
  }
  return remove(text, edge.path, true);
}

/** A chain without one of its links is two chains. */
function withoutLink(text: string, edge: GraphEdge): string {
  const chain = (read(text).toJS() as { chain: unknown[] }).chain;
  const isFlat = edge.path.length === 2;
  const whole = isFlat ? [chain] : (chain as unknown[][]);
  const [row, at] = isFlat ? [0, Number(edge.path[1])] : [Number(edge.path[1]), Number(edge.path[2])];
  const parts = whole
    .flatMap((one, n) => (n === row ? [one.slice(0, at), one.slice(at)] : [one]))
    .filter((one) => one.length > 1);
  if (parts.length === 0) return remove(text, ['chain']);
  return set(text, ['chain'], parts.length === 1 && isFlat ? parts[0] : parts);
}

export function setEdgeKind(text: string, edge: GraphEdge, kind: EdgeKind): string {
  if (edge.source === 'needs') return set(text, edge.path, kind === 'hard' ? edge.from : { node: edge.from, kind });
  if (edge.source !== 'edges') throw new EditRefused('Only edges of `needs` and `edges` have a kind.');
  return kind === 'hard' ? remove(text, [...edge.path, 'kind']) : set(text, [...edge.path, 'kind'], kind);
}

/** Gives a node another id, wherever it is named or read. */
export function renameNode(text: string, id: string, to: string): string {
  if (id === to) return text;
  const wrong = wrongWithId(to, idsOf(text));
  if (wrong) throw new EditRefused(wrong);
  const value = read(text).toJS() as Record<string, unknown>;
  const places = renamedWithin(
    Object.fromEntries(['nodes', 'edges', 'chain', 'output'].filter((key) => key in value).map((key) => [key, value[key]])),
    new Map([[id, to]]),
  );
  const changed = places.reduce((all, place) => set(all, belowNode(place.path), place.value), text);
  return renameKey(changed, ['nodes', id], to);
}

function belowNode(path: Path): Path {
  return path;
}

/** What copying puts on the clipboard: the bodies of nodes by id, as text that can be pasted into a file as well. */
export function copied(graph: Graph, ids: readonly string[]): string {
  const bodies = graph.nodes.filter((node) => ids.includes(node.id));
  return bodies.map((node) => `${node.id}: ${onOneLine(node.body)}\n`).join('');
}

/** Adds nodes as `copied` wrote them, under free ids; edges and bindings among them follow, others to nodes that are not here go. */
export function paste(text: string, clipboard: string): Added {
  const doc = read(clipboard);
  const found = doc.errors.length === 0 ? (doc.toJS() as unknown) : null;
  const nodes = isMapping(found) && isMapping(found.nodes) ? found.nodes : found;
  const entries = isMapping(nodes) ? Object.entries(nodes) : [];
  const bodies = entries.filter((entry): entry is [string, Record<string, unknown>] => {
    return isMapping(entry[1]) && typeof entry[1].type === 'string';
  });
  if (bodies.length === 0) throw new EditRefused('There are no steps on the clipboard.');
  const taken = idsOf(text);
  const names = new Map<string, string>();
  for (const [id] of bodies) {
    const free = freeId(id, taken);
    taken.add(free);
    names.set(id, free);
  }
  let changed = text;
  for (const [id, body] of bodies) {
    const own = structuredClone(body);
    for (const place of renamedWithin(own, names)) put(own, place.path, place.value);
    if (Array.isArray(own.needs)) {
      own.needs = own.needs.filter((need: unknown) => taken.has(String(isMapping(need) ? need.node : need)));
      if ((own.needs as unknown[]).length === 0) delete own.needs;
    }
    changed = set(changed, ['nodes', names.get(id) ?? id], own);
  }
  return { text: changed, ids: [...names.values()] };
}

function put(root: unknown, path: Path, value: unknown): void {
  const parent = path.slice(0, -1).reduce<unknown>((here, key) => (here as Record<string | number, unknown>)[key], root);
  (parent as Record<string | number, unknown>)[path.at(-1) as string | number] = value;
}

/** Puts a value into a node or anywhere else; `undefined` takes it away, with what is empty by that. */
export function setValue(text: string, path: Path, value: unknown): string {
  if (value !== undefined) return set(text, path, value, { behind: path.at(-1) === 'needs' ? BEHIND : [] });
  // A node stays, even when nothing is left in it.
  return remove(text, path, path.length > 3);
}

/** Makes a node one of another type; what the new type knows as well stays. */
export function changeType(text: string, path: Path, type: NodeType, allowed: ReadonlySet<string>): string {
  const before = path.reduce<unknown>((here, key) => (isMapping(here) ? here[String(key)] : undefined), read(text).toJS());
  const old = isMapping(before) ? before : {};
  const kept = Object.fromEntries(Object.entries(old).filter(([key]) => key !== 'type' && allowed.has(key)));
  return set(text, path, { ...STARTERS[type], ...kept, type });
}
