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
  parts: { status: string; share: number; count: number }[];
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
  const reported = status?.progress ?? (total === 0 ? 0 : done / total);
  const over = isOver(run.status);
  return {
    share: over && run.status === 'completed' ? 1 : Math.min(reported, 0.99),
    text: total === 0 ? 'no steps yet' : `${done.toLocaleString('en')} of ${plural(total, 'step')} ended`,
    parts: ORDER.filter((name) => counts.get(name)).map((name) => ({
      status: name,
      count: counts.get(name) ?? 0,
      share: (counts.get(name) ?? 0) / Math.max(1, total),
    })),
  };
}
