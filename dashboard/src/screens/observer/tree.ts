/**
 * The supervision tree as this screen works with it: a flat list of actors in the order of the tree, what changed between two readings,
 * and the rows that are shown. Pure; ten thousand actors are an ordinary case.
 */
import type { components } from '$lib/api/schema';
import type { Tone } from '$lib/status';

export type TreeNode = components['schemas']['TreeNode'];

export interface Exit {
  kind: string;
  text: string;
}

export interface Actor {
  path: string;
  name: string;
  parent: string | null;
  depth: number;
  isSupervisor: boolean;
  restart: string;
  state: string;
  incarnation: number;
  restarts: number;
  lastExit: Exit | null;
  mailbox: number | null;
  handled: number;
  arbiter: string | null;
  uptime: number;
  children: Actor[];
  /** How many are in its subtree, itself among them. */
  size: number;
  /** Messages a second since the reading before; `null` when nothing can be said. */
  rate: number | null;
  /** When a new life of it was seen here, in milliseconds of the epoch; not there for what this page never saw restart. */
  restartedAt?: number;
}

export interface Reading {
  at: number;
  root: Actor;
  /** All, in the order of the tree: a parent before its children. */
  all: Actor[];
  byPath: Map<string, Actor>;
}

/** Makes a reading of what the daemon answered, with rates against the one before. */
export function read(tree: TreeNode, at: number, before?: Reading): Reading {
  const all: Actor[] = [];
  const byPath = new Map<string, Actor>();
  const seconds = before ? (at - before.at) / 1000 : 0;

  const walk = (node: TreeNode, parent: Actor | null): Actor => {
    const old = before?.byPath.get(node.path);
    const isSameLife = old?.incarnation === node.incarnation;
    const actor: Actor = {
      path: node.path,
      name: nameOf(node.path, parent?.path),
      parent: parent?.path ?? null,
      depth: parent ? parent.depth + 1 : 0,
      isSupervisor: node.kind === 'supervisor',
      restart: String(node.restart),
      state: String(node.state),
      incarnation: node.incarnation,
      restarts: node.restarts,
      lastExit: exitOf(node.last_exit),
      mailbox: node.mailbox ?? null,
      handled: node.handled,
      arbiter: node.arbiter ?? null,
      uptime: node.uptime_ms,
      children: [],
      size: 1,
      rate: old && seconds > 0 ? (isSameLife ? node.handled - old.handled : node.handled) / seconds : null,
    };
    // A life that began anew, or an end after which it is not up yet.
    const isNew = old !== undefined && (node.incarnation > old.incarnation || node.restarts > old.restarts);
    const restartedAt = isNew ? at : old?.restartedAt;
    if (restartedAt !== undefined) actor.restartedAt = restartedAt;
    all.push(actor);
    byPath.set(actor.path, actor);
    for (const child of node.children) {
      const below = walk(child, actor);
      actor.children.push(below);
      actor.size += below.size;
    }
    return actor;
  };

  return { at, root: walk(tree, null), all, byPath };
}

/** The last part of a path. Under the root paths do not repeat its name. */
function nameOf(path: string, parent: string | undefined): string {
  return parent && path.startsWith(`${parent}/`) ? path.slice(parent.length + 1) : path;
}

function exitOf(value: unknown): Exit | null {
  if (typeof value !== 'object' || value === null) return null;
  const { kind, text } = value as { kind?: unknown; text?: unknown };
  return { kind: String(kind ?? ''), text: String(text ?? kind ?? '') };
}

/** The actors above one, from the root on. */
export function above(reading: Reading, path: string): Actor[] {
  const found: Actor[] = [];
  for (
    let at = reading.byPath.get(path);
    at;
    at = at.parent === null ? undefined : reading.byPath.get(at.parent)
  ) {
    found.unshift(at);
  }
  return found;
}

/** How long an actor counts as just restarted. */
export const JUST = 10_000;

export function isJust(actor: Actor, now: number): boolean {
  return actor.restartedAt !== undefined && now - actor.restartedAt < JUST;
}

export type SortKey = 'mailbox' | 'rate' | 'handled' | 'restarts' | 'uptime' | 'name';

/** For the table that shows who is at the top; what is not known comes last, and what is alike keeps the order of the tree. */
export function sorted(actors: Actor[], by: SortKey, ascending = false): Actor[] {
  const sign = ascending ? 1 : -1;
  if (by === 'name') return actors.toSorted((a, b) => sign * a.path.localeCompare(b.path));
  return actors.toSorted((a, b) => {
    const [x, y] = [a[by], b[by]];
    if (x === null || y === null) return Number(x === null) - Number(y === null);
    return sign * (x - y);
  });
}

/** Every word has to be in the path, state, kind, restart type or arbiter. */
export function fits(actor: Actor, words: string[]): boolean {
  if (words.length === 0) return true;
  const kind = actor.isSupervisor ? 'supervisor' : 'worker';
  const text = `${actor.path} ${actor.state} ${kind} ${actor.restart} ${actor.arbiter ?? ''}`.toLowerCase();
  return words.every((word) => text.includes(word));
}

export function wordsOf(query: string): string[] {
  return query.toLowerCase().split(/\s+/).filter(Boolean);
}

/** A supervisor with more children than this begins folded. */
export const OPEN_MAX = 40;

/**
 * The rows of the tree. `folded` says what somebody has folded (`true`) or unfolded (`false`); what nobody touched is open while it has
 * few children. With a filter all that fits is shown with what is above it, folded or not.
 */
export function treeRows(reading: Reading, query: string, folded: ReadonlyMap<string, boolean>): Actor[] {
  const words = wordsOf(query);
  if (words.length > 0) {
    const shown = new Set<string>();
    for (const actor of reading.all) {
      if (!fits(actor, words)) continue;
      for (let at: Actor | undefined = actor; at && !shown.has(at.path);) {
        shown.add(at.path);
        at = at.parent === null ? undefined : reading.byPath.get(at.parent);
      }
    }
    return reading.all.filter((actor) => shown.has(actor.path));
  }
  const rows: Actor[] = [];
  const walk = (actor: Actor) => {
    rows.push(actor);
    if (!isFolded(actor, folded)) actor.children.forEach(walk);
  };
  walk(reading.root);
  return rows;
}

export function isFolded(actor: Actor, folded: ReadonlyMap<string, boolean>): boolean {
  return folded.get(actor.path) ?? actor.children.length > OPEN_MAX;
}

/** As short as tells actors of one supervisor apart: ids of runs by their end, as their beginning is the time. */
export function shortName(actor: Actor): string {
  const last = actor.name.split('/').at(-1) ?? actor.name;
  return /^[0-9a-f]{8}-[0-9a-f-]{27}$/i.test(last) ? `…${last.slice(-8)}` : last;
}

/** A path with the ids of runs cut to their end. */
export function shortPath(path: string): string {
  return path.replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}([0-9a-f]{8})/gi, '…$1');
}

/** The run that an actor belongs to: `runs/p3/runs/<id>/workflow`. */
export function runOf(path: string): string | undefined {
  return /(?:^|\/)runs\/([0-9a-f]{8}-[0-9a-f-]{27})(?:\/|$)/i.exec(path)?.[1];
}

export interface StateLook {
  label: string;
  tone: Tone;
  /** A sign beside the colour. */
  sign: string;
}

const STATES: Record<string, StateLook> = {
  running: { label: 'Running', tone: 'green', sign: '●' },
  starting: { label: 'Starting', tone: 'blue', sign: '◔' },
  stopping: { label: 'Stopping', tone: 'amber', sign: '◑' },
  restarting: { label: 'Restarting', tone: 'red', sign: '↻' },
  stopped: { label: 'Stopped', tone: 'grey', sign: '○' },
};

export function stateLook(state: string): StateLook {
  return STATES[state] ?? { label: state, tone: 'grey', sign: '?' };
}

const BAD_ENDS = new Set(['failed', 'panicked', 'killed', 'hung', 'start_failed', 'arbiter_lost', 'gave_up']);

export function isBadEnd(exit: Exit | null): boolean {
  return exit !== null && BAD_ENDS.has(exit.kind);
}
