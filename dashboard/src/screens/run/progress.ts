/** How far a run is, and what its bar shows. Nothing that goes on is shown as done. */
import type { components } from '$lib/api/schema';
import { isOver } from '$lib/status';
import type { Step } from './fold';
import { itemsBy, itemsOf, tally, tallyWords } from './tally';

type Run = components['schemas']['Run'];
type RunStatus = components['schemas']['RunStatus'];

export interface Progress {
  /** 0 to 1, and less than 1 while the run goes on. */
  share: number;
  text: string;
  /** What the share goes by: the time that the plan expected, or how many steps have ended since that says nothing. */
  by: 'estimate' | 'steps';
  parts: { status: string; share: number }[];
}

/** When it is expected to end, as people say it; `null` when nothing sensible can be said. */
export function etaOf(
  eta: { earliest: string; likely: string; latest: string } | null | undefined,
  now: number,
): { likely: number; earliest: number; latest: number } | 'late' | null {
  if (!eta) return null;
  const left = (at: string) => Math.max(0, Date.parse(at) - now);
  const latest = left(eta.latest);
  if (latest === 0) return 'late';
  return latest < 1000 ? null : { earliest: left(eta.earliest), likely: left(eta.likely), latest };
}

const ORDER = ['completed', 'failed', 'cancelled', 'skipped', 'running', 'retrying', 'waiting', 'ready'];

export function progressOf(
  run: Pick<Run, 'status'>,
  status: Pick<RunStatus, 'progress' | 'counts'> | undefined,
  steps: ReadonlyMap<string, Step>,
): Progress {
  const told = tally(steps);
  const inside = itemsBy(steps);
  const shares = new Map<string, number>();
  const add = (name: string, share: number) => shares.set(name, (shares.get(name) ?? 0) + share);
  const one = 1 / Math.max(1, told.steps.total);
  for (const [path, step] of steps) {
    if (path.includes('.')) continue;
    const counts = inside.get(path);
    // How many passes a loop will have nobody knows: it is under way as a whole.
    if (!counts || step.type === 'loop' || isOver(step.status)) {
      add(step.status, one);
      continue;
    }
    const items = itemsOf(step, counts);
    for (const [name, n] of Object.entries(counts)) add(name, (one * n) / items);
  }
  const counted = [...shares].reduce((sum, [name, share]) => (isOver(name) ? sum + share : sum), 0);
  const over = isOver(run.status);
  const said = status?.progress;
  // The plan does not know how many items there are; and when all that was estimated is done and the run is not, what waits has no
  // estimate.
  const known = said !== undefined && told.items === null && (said < 0.99 || over);
  return {
    share: run.status === 'completed' ? 1 : Math.min(known ? said : counted, 0.99),
    by: known ? 'estimate' : 'steps',
    text: tallyWords(told),
    parts: ORDER.filter((name) => shares.get(name)).map((name) => ({
      status: name,
      share: shares.get(name) ?? 0,
    })),
  };
}
