/** What one does to a workflow on the canvas and in forms, as edits of its text. All are pure: text in, text out. */
import { graphOf, type EdgeKind, type Graph, type GraphEdge, type NodeType } from './graph';
import { freeId, renamedWithin, wrongWithId } from './names';
import {
  editAll,
  EditRefused,
  equal,
  insert,
  read,
  remove,
  renameKey,
  set,
  type Edit,
  type Path,
} from './text';
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
  map: {
    type: 'map',
    over: '$input.items',
    node: { type: 'agent_call', agent: 'noop', input: { item: '$item' } },
  },
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

/** One that calls this agent or tool, when it is named. */
export function starterOf(type: NodeType, agent?: string): Record<string, unknown> {
  return { ...STARTERS[type], ...(agent ? { [type === 'tool_call' ? 'tool' : 'agent']: agent } : {}) };
}

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
  const named =
    wish ?? String(body.agent ?? body.tool ?? body.workflow ?? ID_WISHES[String(body.type)] ?? body.type);
  const id = freeId(named === 'noop' ? (ID_WISHES[String(body.type)] ?? 'step') : named, taken);
  const graph = graphOf(read(text).toJS());
  const parent = graph.nodes.find((node) => node.id === after);
  const [type, ...rest] = Object.entries(body);
  // A condition and a parallel name what comes behind them themselves.
  const isNamed = parent !== undefined && (parent.cases.length > 0 || parent.type === 'parallel');
  const whole =
    after && parent && !isNamed && type
      ? Object.fromEntries([type, ...rest.slice(0, 1), ['needs', [after]], ...rest.slice(1)])
      : body;
  const added = set(text, ['nodes', id], whole);
  return { text: after && isNamed ? connect(added, after, id) : added, ids: [id] };
}

/** Adds a node on an edge: it follows what the edge came from, as the edge was, and what the edge led to follows it. */
export function addBetween(text: string, body: Record<string, unknown>, edge: GraphEdge): Added {
  const added = addNode(text, body);
  const [id] = added.ids as [string];
  const list = edge.path.slice(0, -1);
  const at = Number(edge.path.at(-1));
  /** The edge leads to the new one where it is written, and the one behind waits for that. */
  const led = (path: Path) => waiting(set(added.text, path, id), edge.to, id);
  switch (edge.source) {
    case 'needs':
      return { ...added, text: waiting(set(added.text, edge.path, id), id, edge.from, edge.kind) };
    case 'chain':
    case 'branches':
      return { ...added, text: insert(added.text, list, id, { at }) };
    case 'edges':
      return { ...added, text: led([...edge.path, 'to']) };
    case 'cases':
      return { ...added, text: led(edge.path) };
    case 'goto':
      return { ...added, text: led([...edge.path, 'goto']) };
  }
}

/** `id` waits for `from`, too. */
function waiting(text: string, id: string, from: string, kind: EdgeKind = 'hard'): string {
  const need = kind === 'hard' ? from : { node: from, kind };
  return insert(text, ['nodes', id, 'needs'], need, { behind: BEHIND });
}

/** Takes nodes away, and all that names them by id. What reads their values stays, and the compiler points at it. */
export function removeNodes(text: string, ids: readonly string[]): string {
  const value = read(text).toJS() as unknown;
  if (!isMapping(value)) return text;
  const gone = new Set(ids);
  const edits: Edit[] = ids.map((id) => ({ path: ['nodes', id] }));
  /** The list without what is gone; nothing at all when that leaves it empty, unless it has to stay. */
  const filtered = (path: Path, list: unknown, name: (one: unknown) => unknown[], stays = false) => {
    if (!Array.isArray(list)) return;
    const left = list.filter((one) => !name(one).some((id) => gone.has(String(id))));
    if (left.length === list.length) return;
    edits.push(left.length === 0 && !stays ? { path } : { path, value: left });
  };
  for (const [id, body] of Object.entries(isMapping(value.nodes) ? value.nodes : {})) {
    if (gone.has(id) || !isMapping(body)) continue;
    filtered(['nodes', id, 'needs'], body.needs, (one) => [isMapping(one) ? one.node : one]);
    for (const [branch, list] of Object.entries(isMapping(body.branches) ? body.branches : {})) {
      filtered(['nodes', id, 'branches', branch], list, (one) => [one]);
    }
    (Array.isArray(body.cases) ? body.cases : []).forEach((one: unknown, n) => {
      if (isMapping(one)) filtered(['nodes', id, 'cases', n, 'to'], one.to, (to) => [to], true);
    });
    if (isMapping(body.on_error) && gone.has(String(body.on_error.goto)))
      edits.push({ path: ['nodes', id, 'on_error'] });
  }
  filtered(['edges'], value.edges, (one) => (isMapping(one) ? [one.from, one.to] : []));
  if (Array.isArray(value.chain)) {
    const isFlat = !value.chain.some(Array.isArray);
    const without = (list: unknown[]) => list.filter((id) => !gone.has(String(id)));
    const left = isFlat
      ? without(value.chain)
      : value.chain.map((one: unknown) => (Array.isArray(one) ? without(one) : one));
    const chain = isFlat ? left : left.filter((one) => !Array.isArray(one) || one.length > 1);
    if (!equal(chain, value.chain))
      edits.push(chain.length === 0 ? { path: ['chain'] } : { path: ['chain'], value: chain });
  }
  return editAll(text, edits);
}

/** Draws an edge. `way` is the case of a condition that it goes out from: unless it is said, one that leads nowhere yet, or the last. */
export function connect(
  text: string,
  from: string,
  to: string,
  kind: EdgeKind = 'hard',
  way?: number,
): string {
  const graph = graphOf(read(text).toJS());
  const [parent, child] = [from, to].map((id) => graph.nodes.find((node) => node.id === id));
  if (!parent || !child) throw new EditRefused('One of both is not there.');
  if (from === to) throw new EditRefused('A step cannot wait for itself.');
  if (parent.cases.length > 0) {
    const cases = parent.body.cases as { to?: unknown }[];
    const empty = cases.findIndex((one) => !Array.isArray(one?.to) || one.to.length === 0);
    const at = way ?? (empty === -1 ? cases.length - 1 : empty);
    const one = cases[at];
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
  return waiting(text, to, from, kind);
}

/** Takes an edge away, where it was written. */
export function disconnect(text: string, edge: GraphEdge): string {
  if (edge.source === 'chain') return withoutLink(text, edge);
  if (edge.source === 'cases') return remove(text, edge.path);
  if (edge.source === 'branches') {
    const [, id] = edge.path;
    const without = remove(text, edge.path, true);
    const left = graphOf(read(without).toJS()).nodes.find((node) => node.id === id);
    return left && left.body.branches === undefined
      ? set(without, ['nodes', String(id), 'branches'], {})
      : without;
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
  if (edge.source === 'needs')
    return set(text, edge.path, kind === 'hard' ? edge.from : { node: edge.from, kind });
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
    Object.fromEntries(
      ['nodes', 'edges', 'chain', 'output'].filter((key) => key in value).map((key) => [key, value[key]]),
    ),
    new Map([[id, to]]),
  );
  return renameKey(editAll(text, places), ['nodes', id], to);
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

/** Changes a value of a document in place. */
export function put(root: unknown, path: Path, value: unknown): void {
  const parent = path
    .slice(0, -1)
    .reduce<unknown>((here, key) => (here as Record<string | number, unknown>)[key], root);
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
  const before = path.reduce<unknown>(
    (here, key) => (isMapping(here) ? here[String(key)] : undefined),
    read(text).toJS(),
  );
  const old = isMapping(before) ? before : {};
  const kept = Object.fromEntries(Object.entries(old).filter(([key]) => key !== 'type' && allowed.has(key)));
  return set(text, path, { ...STARTERS[type], ...kept, type });
}
