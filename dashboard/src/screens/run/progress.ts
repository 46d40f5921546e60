/** How far a run is, and what its bar shows. Nothing that goes on is shown as done. */
import type { components } from '$lib/api/schema';
import { plural } from '$lib/format';
import { isOver } from '$lib/status';
import type { Step } from './fold';
import { isItem } from './paths';

type Run = components['schemas']['Run'];
type RunStatus = components['schemas']['RunStatus'];

export interface Progress {
  /** 0 to 1, and less than 1 while the run goes on. */
  share: number;
  text: string;
  /** It goes by how many steps have ended, since nobody has estimated them. */
  counted: boolean;
  parts: { status: string; share: number; count: number }[];
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
  // Of a map or loop its items count, and not it as well.
  const boxes = new Set<string>();
  for (const path of steps.keys()) if (isItem(path)) boxes.add(path.slice(0, path.lastIndexOf('.')));
  const counts = new Map<string, number>();
  let total = 0;
  for (const [path, step] of steps) {
    if (boxes.has(path)) continue;
    counts.set(step.status, (counts.get(step.status) ?? 0) + 1);
    total += 1;
  }
  const done = [...counts].reduce((sum, [name, n]) => (isOver(name) ? sum + n : sum), 0);
  // What the daemon says goes by estimates of the plan, and that does not know how many items there are.
  const counted = total === 0 ? 0 : done / total;
  const over = isOver(run.status);
  const said = status?.progress ?? counted;
  // All that was estimated is done, and the run is not: what waits has no estimate.
  const reported = boxes.size > 0 || (said >= 0.99 && !over) ? counted : said;
  return {
    share: over && run.status === 'completed' ? 1 : Math.min(reported, 0.99),
    counted: boxes.size > 0,
    text: total === 0 ? '' : `${done.toLocaleString('en')} of ${plural(total, 'step')} ended`,
    parts: ORDER.filter((name) => counts.get(name)).map((name) => ({
      status: name,
      count: counts.get(name) ?? 0,
      share: (counts.get(name) ?? 0) / Math.max(1, total),
    })),
  };
}
