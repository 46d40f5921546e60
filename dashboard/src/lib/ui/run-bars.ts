/** How the last runs of a workflow are drawn and said. */
import { plural } from '$lib/format';
import { lookOf } from '$lib/status';

export interface RecentRun {
  id: string;
  status: string;
  created_at: string;
  ended_at?: string | null;
}

/** The least that a bar is high, of all. */
const LEAST = 0.22;

/** How high each bar is: the longest is 1. Runs that go on count up to now. */
export function barHeights(runs: readonly RecentRun[], now: number): { ms: number; share: number }[] {
  const took = runs.map((run) => {
    const end = run.ended_at ? new Date(run.ended_at).getTime() : now;
    return Math.max(0, end - new Date(run.created_at).getTime());
  });
  const longest = Math.max(1, ...took);
  // Roots bring together what lasted seconds and what lasted hours.
  return took.map((ms) => ({ ms, share: LEAST + (1 - LEAST) * Math.sqrt(ms / longest) }));
}

/** `Last 20 runs: 18 completed, 2 failed`. */
export function inWords(runs: readonly RecentRun[]): string {
  if (runs.length === 0) return 'No runs yet';
  const counts = new Map<string, number>();
  for (const { status } of runs) counts.set(status, (counts.get(status) ?? 0) + 1);
  const parts = [...counts].map(([status, n]) => `${n} ${lookOf(status).label.toLowerCase()}`);
  return `Last ${plural(runs.length, 'run')}: ${parts.join(', ')}`;
}
