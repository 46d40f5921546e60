/** How far a run is, and what its bar shows. Nothing that goes on is shown as done. */
import type { components } from '$lib/api/schema';
import { percent } from '$lib/format';
import { isOver } from '$lib/status';
import type { Step } from './fold';
import { itemsBy, itemsOf, tally, tallyWords } from './tally';

type Run = components['schemas']['Run'];
type RunStatus = components['schemas']['RunStatus'];
type Plan = components['schemas']['Plan'];

export interface Progress {
  /** 0 to 1, and less than 1 while the run goes on. */
  share: number;
  /** The same of what the bar shows as done: steps and items, however long they take. */
  counted: number;
  text: string;
  /** What the share goes by: the time that the plan expected, or how many steps and items have ended since that says nothing. */
  by: 'estimate' | 'steps' | 'items';
  parts: { status: string; share: number }[];
}

/**
 * Whether a step has taken longer than was expected of it. How long it will take then nobody knows, and what the daemon expects of the
 * run is the rest without it.
 */
export function isOverdue(plan: Plan | undefined, steps: ReadonlyMap<string, Step>, now: number): boolean {
  return (plan?.nodes ?? []).some(({ id, estimate }) => {
    const step = steps.get(id);
    if (step?.status !== 'running' || !step.started_at || estimate.p50_ms === 0) return false;
    return now - Date.parse(step.started_at) > estimate.p50_ms;
  });
}

const BY = {
  estimate: {
    about: 'about ',
    by: 'by time',
    means:
      'Of the time that the plan expects, by the estimates of its steps. The bar shows steps, however long they take.',
  },
  steps: {
    about: '',
    by: 'of the steps',
    means: 'The share of the steps that have ended, as the bar shows it.',
  },
  items: {
    about: '',
    by: 'of the steps and items',
    means: 'The share of the steps and items that have ended, as the bar shows it.',
  },
} as const;

/** What the share says and what it means, so that nobody takes a share of the time for one of the steps. */
export function shareSaid({ share, by }: Pick<Progress, 'share' | 'by'>): {
  share: string;
  by: string;
  means: string;
} {
  const said = BY[by];
  return { share: `${said.about}${percent(share)}`, by: said.by, means: said.means };
}

/** When it is expected to end, as people say it; `null` when nothing sensible can be said. */
export function etaOf(
  eta: { earliest: string; likely: string; latest: string } | null | undefined,
  now: number,
  notBefore = 0,
): { likely: number; earliest: number; latest: number } | 'late' | null {
  if (!eta) return null;
  const left = (at: string) => Math.max(0, Date.parse(at) - now);
  const latest = left(eta.latest);
  // What is tried again later is not in the estimates.
  if (notBefore > Date.parse(eta.earliest)) return null;
  if (latest === 0) return 'late';
  return latest < 1000 ? null : { earliest: left(eta.earliest), likely: left(eta.likely), latest };
}

const ORDER = ['completed', 'failed', 'cancelled', 'skipped', 'running', 'retrying', 'waiting', 'ready'];

export function progressOf(
  run: Pick<Run, 'status'>,
  status: Pick<RunStatus, 'progress' | 'counts'> | undefined,
  steps: ReadonlyMap<string, Step>,
  overdue = false,
): Progress {
  const told = tally(steps);
  const inside = itemsBy(steps);
  const weights = weightsOf(steps, inside);
  const total = [...weights.values()].reduce((sum, n) => sum + n, 0);
  const shares = new Map<string, number>();
  const add = (name: string, units: number) => shares.set(name, (shares.get(name) ?? 0) + units / total);
  for (const [path, weight] of weights) {
    const step = steps.get(path);
    const counts = inside.get(path);
    if (!step) continue;
    // How many passes a loop will have nobody knows: it is under way as a whole.
    if (!counts || step.type === 'loop') {
      add(step.status, weight);
      continue;
    }
    let known = 0;
    for (const [name, n] of Object.entries(counts)) {
      add(name, n);
      known += n;
    }
    if (isOver(step.status)) add(step.status, weight - known);
  }
  const counted = [...shares].reduce((sum, [name, share]) => (isOver(name) ? sum + share : sum), 0);
  const over = isOver(run.status);
  const said = status?.progress;
  // The plan does not know how many items there are. When all that was estimated is done and the run is not, or nothing of it and
  // something is, then what counts has no estimate.
  const says = said !== undefined && (said > 0 || counted === 0) && (said < 0.99 || over);
  const known = says && told.items === null && !overdue;
  const bounded = (share: number) => (run.status === 'completed' ? 1 : Math.min(share, 0.99));
  return {
    share: bounded(known ? said : counted),
    counted: bounded(counted),
    by: known ? 'estimate' : told.items ? 'items' : 'steps',
    text: tallyWords(told),
    parts: ORDER.filter((name) => shares.get(name)).map((name) => ({
      status: name,
      share: shares.get(name) ?? 0,
    })),
  };
}

/** How much each step counts: a map as much as its items, and one that has not begun as much as the largest that has. */
function weightsOf(
  steps: ReadonlyMap<string, Step>,
  inside: ReturnType<typeof itemsBy>,
): Map<string, number> {
  const weights = new Map<string, number>();
  let largest = 1;
  for (const [path, step] of steps) {
    if (path.includes('.')) continue;
    const items = step.type === 'loop' ? 1 : Math.max(1, itemsOf(step, inside.get(path)));
    weights.set(path, items);
    largest = Math.max(largest, items);
  }
  for (const path of weights.keys()) {
    const step = steps.get(path);
    if (step?.type === 'map' && !isOver(step.status) && itemsOf(step, inside.get(path)) === 0)
      weights.set(path, largest);
  }
  return weights;
}
