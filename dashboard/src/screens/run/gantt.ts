/**
 * The timeline as a chart: rows of bars, a scale on which long stretches in which nothing happened are folded, and what the time of
 * each step went into. Times are those of the daemon's clock, lengths of attempts are its own measure.
 */
import type { components } from '$lib/api/schema';
import type { Span, Step } from './fold';
import { isItem, ownerOf, sortedPaths } from './paths';

type Run = components['schemas']['Run'];

export type PartKind = 'queue' | 'run' | 'retry' | 'approval' | 'wait';

export interface Part {
  kind: PartKind;
  from: number;
  to: number;
  /** `running`, `completed`, `failed` ... of an attempt or a question. */
  outcome: string | null;
  attempt: number | null;
  agent: string | null;
  /** Goes on. */
  open: boolean;
}

export interface GanttRow {
  path: string;
  step: Step;
  depth: number;
  from: number;
  to: number;
  parts: Part[];
  totals: Record<PartKind, number>;
}

export const PART_NAMES: Record<PartKind, string> = {
  queue: 'Ready, not begun',
  run: 'Running',
  retry: 'Between attempts',
  approval: 'Waiting for a person',
  wait: 'Waiting',
};

export function attemptOf(span: Span): number | null {
  const at = span.id.lastIndexOf('@');
  return span.kind === 'attempt' && at >= 0 ? Number(span.id.slice(at + 1)) : null;
}

/** The parts of one step, in order and without overlaps in what they say. */
export function partsOf(step: Step, spans: Span[], readyAt: number | null, now: number): Part[] {
  const parts: Part[] = [];
  const put = (kind: PartKind, from: number, to: number, more: Partial<Part> = {}) => {
    if (to > from || more.open || kind === 'run')
      parts.push({
        kind,
        from,
        to: Math.max(from, to),
        outcome: null,
        attempt: null,
        agent: null,
        open: false,
        ...more,
      });
  };
  // A step that runs a workflow of its own begins when it is ready; the daemon does not say it otherwise.
  const begun = step.started_at ?? (step.type === 'workflow' && step.child ? iso(readyAt) : null);
  const sorted = [...spans].sort((a, b) => Date.parse(a.started_at) - Date.parse(b.started_at));
  const first = sorted[0] ? Date.parse(sorted[0].started_at) : begun ? Date.parse(begun) : null;
  if (readyAt !== null && first !== null && first - readyAt >= 1) put('queue', readyAt, first);
  if (readyAt !== null && first === null && step.status === 'ready')
    put('queue', readyAt, now, { open: true });
  let end: number | null = null;
  for (const span of sorted) {
    const from = Date.parse(span.started_at);
    const to = span.ended_at ? Date.parse(span.ended_at) : now;
    if (end !== null && from > end) put(span.kind === 'attempt' ? 'retry' : 'wait', end, from);
    put(span.kind === 'attempt' ? 'run' : 'approval', from, to, {
      outcome: span.outcome,
      attempt: attemptOf(span),
      agent: span.agent ?? null,
      open: !span.ended_at,
    });
    end = Math.max(end ?? 0, to);
  }
  const over = step.ended_at ? Date.parse(step.ended_at) : null;
  if (sorted.length === 0 && begun) {
    const kind = step.type === 'human_gate' ? 'approval' : waits(step) ? 'wait' : 'run';
    put(kind, Date.parse(begun), over ?? now, { open: over === null, outcome: step.status });
  } else if (end !== null) {
    if (step.status === 'retrying') put('retry', end, now, { open: true });
    else if (step.status === 'waiting' && !parts.at(-1)?.open) {
      put(
        step.reason === 'approval' || step.reason === 'reconcile' || step.reason === 'verdict'
          ? 'approval'
          : 'wait',
        end,
        now,
        {
          open: true,
        },
      );
    } else if (over !== null && over > end + 1) put('wait', end, over);
  }
  return parts;
}

function iso(time: number | null): string | null {
  return time === null ? null : new Date(time).toISOString();
}

function waits(step: Step): boolean {
  return step.type === 'wait' || step.type === 'workflow' || step.status === 'waiting';
}

/** When a step could have begun: all that it needs had ended. */
export function readyAt(step: Step, steps: ReadonlyMap<string, Step>, begun: number): number | null {
  const owner = ownerOf(step.path);
  if (owner !== null) {
    // When what judges or undoes a step could have begun, nobody says.
    if (!isItem(step.path)) return null;
    const opened = steps.get(owner)?.started_at;
    // A loop makes its passes one after another.
    const before = steps.get(owner)?.type === 'loop' ? passBefore(step, steps, owner) : null;
    return before ?? (opened ? Date.parse(opened) : null);
  }
  if (step.needs.length === 0) return begun;
  const ends = step.needs.map((need) => steps.get(need)?.ended_at);
  if (ends.some((end) => !end)) return null;
  return Math.max(begun, ...ends.map((end) => Date.parse(end ?? '')));
}

function passBefore(step: Step, steps: ReadonlyMap<string, Step>, owner: string): number | null {
  const number = Number(step.path.slice(owner.length + 1));
  const ended = steps.get(`${owner}.${number - 1}`)?.ended_at;
  return ended ? Date.parse(ended) : null;
}

/** One attempt for each step, as long as the step: what is drawn until attempts have been read. */
export function roughly(
  steps: ReadonlyMap<string, Step>,
  isShown: (path: string) => boolean,
): ReadonlyMap<string, Span> {
  const spans = new Map<string, Span>();
  for (const [path, step] of steps) {
    const { agent = null, ended_at = null, started_at } = step;
    if (!started_at || step.attempts === 0 || !isShown(path)) continue;
    const outcome = ended_at ? step.status : 'running';
    const duration_ms = step.duration_ms ?? 0;
    spans.set(path, {
      id: path,
      kind: 'attempt',
      step: path,
      agent,
      outcome,
      started_at,
      ended_at,
      duration_ms,
    });
  }
  return spans;
}

/** Rows of all steps that have begun or could; those of closed maps and loops are left out. */
export function rowsOf(
  run: Pick<Run, 'created_at' | 'started_at'>,
  steps: ReadonlyMap<string, Step>,
  spans: Iterable<Span>,
  isShown: (path: string) => boolean,
  order: ReadonlyMap<string, number>,
  now: number,
): GanttRow[] {
  const by = new Map<string, Span[]>();
  for (const span of spans) {
    const known = by.get(span.step);
    if (known) known.push(span);
    else by.set(span.step, [span]);
  }
  const begun = Date.parse(run.created_at);
  const rows: GanttRow[] = [];
  const drawn = [...steps.values()].filter(
    ({ path, status }) => status !== 'skipped' && status !== 'pending' && isShown(path),
  );
  for (const path of sortedPaths(
    drawn.map((step) => step.path),
    order,
  )) {
    const step = steps.get(path);
    if (!step) continue;
    const parts = partsOf(step, by.get(path) ?? [], readyAt(step, steps, begun), now);
    if (parts.length === 0) continue;
    rows.push(rowOf(step, parts));
  }
  return rows;
}

/** There is at least one part. */
export function rowOf(step: Step, parts: Part[]): GanttRow {
  const totals: GanttRow['totals'] = { queue: 0, run: 0, retry: 0, approval: 0, wait: 0 };
  for (const part of parts) totals[part.kind] += part.to - part.from;
  return {
    path: step.path,
    step,
    depth: step.path.split('.').length - 1,
    from: parts[0]?.from ?? 0,
    to: Math.max(...parts.map((part) => part.to)),
    parts,
    totals,
  };
}

/** A stretch of time that takes no room, or little. */
export interface Fold {
  from: number;
  to: number;
}

export interface Scale {
  from: number;
  to: number;
  folds: Fold[];
  /** 0 to 1. */
  at: (time: number) => number;
  /** The time at a place. */
  time: (place: number) => number;
}

/** A fold takes this share of the width. */
const FOLD_SHARE = 0.025;
/** What is folded is at least this long, and this large beside all the time in which something was done. */
const FOLD_MIN_SHARE = 0.5;
const FOLD_MIN_MS = 5_000;
/** What is left on each side of a fold, so that one sees what ended and began there. */
const FOLD_MARGIN = 0.03;

/**
 * The scale from the beginning to the end. A stretch in which nothing ran is folded when it is long beside the rest: a retry days
 * later does not squeeze all else into nothing. Waiting counts as nothing for that, since it is told by the fold itself.
 */
export function scaleOf(from: number, to: number, busy: Fold[], folding: boolean): Scale {
  const length = Math.max(1, to - from);
  const folds = folding ? gaps(from, from + length, busy, length) : [];
  const folded = folds.reduce((sum, fold) => sum + fold.to - fold.from, 0);
  const unit = (1 - folds.length * FOLD_SHARE) / Math.max(1, length - folded);
  const at = (time: number) => {
    let place = 0;
    let since = from;
    for (const fold of folds) {
      if (time <= fold.from) return place + (time - since) * unit;
      place += (fold.from - since) * unit;
      if (time <= fold.to) return place + ((time - fold.from) / (fold.to - fold.from)) * FOLD_SHARE;
      place += FOLD_SHARE;
      since = fold.to;
    }
    return place + (time - since) * unit;
  };
  const time = (place: number) => {
    let left = 0;
    let since = from;
    for (const fold of folds) {
      const until = left + (fold.from - since) * unit;
      if (place <= until) return since + (place - left) / unit;
      if (place <= until + FOLD_SHARE)
        return fold.from + ((place - until) / FOLD_SHARE) * (fold.to - fold.from);
      left = until + FOLD_SHARE;
      since = fold.to;
    }
    return since + (place - left) / unit;
  };
  return { from, to: from + length, folds, at, time };
}

function gaps(from: number, to: number, busy: Fold[], length: number): Fold[] {
  const sorted = [...busy].sort((a, b) => a.from - b.from);
  const free: Fold[] = [];
  let end = from;
  for (const one of [...sorted, { from: to, to }]) {
    if (one.from > end) free.push({ from: end, to: one.from });
    end = Math.max(end, one.to);
  }
  const done = length - free.reduce((sum, gap) => sum + gap.to - gap.from, 0);
  const least = Math.max(FOLD_MIN_MS, done * FOLD_MIN_SHARE);
  const found = free.filter((gap) => gap.to - gap.from >= least);
  const rest = length - found.reduce((sum, gap) => sum + gap.to - gap.from, 0);
  const margin = Math.max(200, rest * FOLD_MARGIN);
  return found
    .map((gap) => ({ from: gap.from + margin, to: gap.to - margin }))
    .filter((gap) => gap.to - gap.from > FOLD_MIN_MS / 2);
}

const STEPS_MS = [
  1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 3e4, 6e4, 12e4, 3e5, 6e5, 12e5, 18e5, 36e5,
  72e5, 216e5, 432e5, 864e5, 1728e5, 6048e5,
];

/** Where marks stand, as times since the beginning. Folded stretches have none. */
export function ticksOf(scale: Scale, count: number): number[] {
  const length = scale.to - scale.from - scale.folds.reduce((sum, fold) => sum + fold.to - fold.from, 0);
  const step = STEPS_MS.find((ms) => length / ms <= count) ?? 6048e5;
  const ticks: number[] = [];
  let since = scale.from;
  for (const fold of [...scale.folds, { from: scale.to, to: scale.to }]) {
    const first = Math.ceil((since - scale.from) / step) * step;
    for (let at = first; scale.from + at <= fold.from && ticks.length < 200; at += step) ticks.push(at);
    since = fold.to;
  }
  return ticks;
}

/** How much sooner it was done than one after another: what ran, and how long anything ran. */
export function parallelism(spans: Iterable<Span>, now: number): { worked: number; busy: number } {
  const stretches = [...spans]
    .filter((span) => span.kind === 'attempt')
    .map((span) => ({
      from: Date.parse(span.started_at),
      to: span.ended_at ? Date.parse(span.ended_at) : now,
    }))
    .sort((a, b) => a.from - b.from);
  let [worked, busy, end] = [0, 0, -Infinity];
  for (const { from, to } of stretches) {
    worked += to - from;
    busy += Math.max(0, to - Math.max(from, end));
    end = Math.max(end, to);
  }
  return { worked, busy };
}
