/** What the runs of a workflow tell of how it goes. */

export interface Timed {
  status: string;
  created_at: string;
  started_at?: string | null;
  ended_at?: string | null;
}

export interface Durations {
  /** How many runs these are of. */
  of: number;
  p50: number;
  p95: number;
  longest: number;
}

/** How long runs that completed took, from being started to their end; nothing while none has. */
export function durations(runs: readonly Timed[]): Durations | null {
  const took = runs
    .filter((run) => run.status === 'completed' && run.ended_at)
    .map(
      (run) =>
        new Date(run.ended_at as string).getTime() - new Date(run.started_at ?? run.created_at).getTime(),
    )
    .filter((ms) => ms >= 0)
    .sort((a, b) => a - b);
  if (took.length === 0) return null;
  return {
    of: took.length,
    p50: quantile(took, 0.5),
    p95: quantile(took, 0.95),
    longest: took.at(-1) as number,
  };
}

/** The share of ended runs that completed, 0 to 1; nothing while none has ended. */
export function successRate(counts: Readonly<Record<string, number>>): number | null {
  const [completed, failed] = [counts.completed ?? 0, counts.failed ?? 0];
  return completed + failed === 0 ? null : completed / (completed + failed);
}

/** By the nearest rank. */
function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] as number;
}
