/**
 * How many steps a run has, in the one way in which all of its page counts: steps are the nodes of its definition. Items of maps and
 * passes of loops are told apart from them, since ten thousand of them are still one step. What judges, verifies or makes good a step
 * belongs to it and is counted by nobody.
 */
import { count } from '$lib/format';
import { lookOf } from '$lib/status';
import { isItem, nodeOf } from './paths';

/** What has to be known of a step to count it. */
export interface Countable {
  status: string;
  /** `map`, `loop` ...; nothing when that is not known. */
  type?: string | undefined;
  items?: number | null | undefined;
}

export interface Count {
  total: number;
  /** How many of each status; those that do not exist yet are `pending`. */
  by: ReadonlyMap<string, number>;
}

export interface Tally {
  steps: Count;
  items: Count | null;
  passes: Count | null;
}

export type Inside = ReadonlyMap<string, Readonly<Record<string, number>>>;

/** Many parts of the page count the same steps. A map of steps is never changed, only replaced: what was counted of it stays true. */
const countedItems = new WeakMap<object, Inside>();
const countedAll = new WeakMap<object, Tally>();

/** How the items of each map and the passes of each loop stand. What stands inside of an item belongs to it. */
export function itemsBy(steps: ReadonlyMap<string, Countable>): Inside {
  const known = countedItems.get(steps) ?? countItems(steps);
  countedItems.set(steps, known);
  return known;
}

function countItems(steps: ReadonlyMap<string, Countable>): Inside {
  const found = new Map<string, Record<string, number>>();
  for (const [path, { status }] of steps) {
    if (!isItem(path) || path.indexOf('.') !== path.lastIndexOf('.')) continue;
    const node = nodeOf(path);
    const of = found.get(node) ?? {};
    of[status] = (of[status] ?? 0) + 1;
    found.set(node, of);
  }
  return found;
}

/** How many items there are of a map: those that do not exist yet among them. */
export function itemsOf(box: Countable | undefined, counts: Readonly<Record<string, number>> = {}): number {
  const known = Object.values(counts).reduce((sum, n) => sum + n, 0);
  return Math.max(known, box?.items ?? 0);
}

export function tally(steps: ReadonlyMap<string, Countable>): Tally {
  const known = countedAll.get(steps) ?? countAll(steps);
  countedAll.set(steps, known);
  return known;
}

function countAll(steps: ReadonlyMap<string, Countable>): Tally {
  const by = new Map<string, number>();
  const items = new Map<string, number>();
  const passes = new Map<string, number>();
  let total = 0;
  const inside = itemsBy(steps);
  for (const [path, step] of steps) {
    if (path.includes('.')) continue;
    total += 1;
    add(by, step.status, 1);
    const counts = inside.get(path) ?? {};
    const into = step.type === 'loop' ? passes : items;
    let known = 0;
    for (const [status, n] of Object.entries(counts)) {
      add(into, status, n);
      known += n;
    }
    const missing = itemsOf(step, counts) - known;
    if (missing > 0) add(into, 'pending', missing);
  }
  return { steps: { total, by }, items: counted(items), passes: counted(passes) };
}

/** `5 of 7 steps done, 1 skipped; 1,203 of 10,000 items done, 37 failed`. */
export function tallyWords({ steps, items, passes }: Tally): string {
  return [
    words(steps, 'step'),
    ...(items ? [words(items, 'item')] : []),
    ...(passes ? [words(passes, 'pass', 'passes')] : []),
  ]
    .filter(Boolean)
    .join('; ');
}

/** What ended otherwise than it should is named; what goes on is told where it stands. */
const NAMED = ['skipped', 'failed', 'cancelled'];

function words({ total, by }: Count, one: string, many = `${one}s`): string {
  if (total === 0) return '';
  const done = `${count(by.get('completed') ?? 0)} of ${count(total)} ${total === 1 ? one : many} done`;
  const rest = NAMED.filter((status) => by.get(status)).map(
    (status) => `${count(by.get(status) ?? 0)} ${lookOf(status).label.toLowerCase()}`,
  );
  return [done, ...rest].join(', ');
}

function counted(by: Map<string, number>): Count | null {
  const total = [...by.values()].reduce((sum, n) => sum + n, 0);
  return total === 0 ? null : { total, by };
}

function add(to: Map<string, number>, status: string, n: number): void {
  to.set(status, (to.get(status) ?? 0) + n);
}
