/** What was expected of each node beside what it took. */
import type { components } from '$lib/api/schema';
import type { Step } from './fold';

type Plan = components['schemas']['Plan'];

export interface Compared {
  id: string;
  level: number;
  critical: boolean;
  agent: string | null;
  p50: number;
  p90: number;
  /** How long it took; `null` while it has not begun, so far while it goes on. */
  took: number | null;
  status: string;
  /** `null` where nothing can be said. */
  verdict: 'as expected' | 'slow' | 'slower than nine of ten' | null;
}

export function compared(plan: Plan, steps: ReadonlyMap<string, Step>, now: number): Compared[] {
  return plan.nodes.map((node) => {
    const step = steps.get(node.id);
    const took =
      step?.duration_ms ??
      (step?.started_at && step.status !== 'pending' && step.status !== 'skipped'
        ? Math.max(0, now - Date.parse(step.started_at))
        : null);
    const { p50_ms: p50, p90_ms: p90 } = node.estimate;
    return {
      id: node.id,
      level: node.level,
      critical: node.critical,
      agent: node.agent ?? null,
      p50,
      p90,
      took,
      status: step?.status ?? 'pending',
      verdict: verdictOf(took, p50, p90, step?.status),
    };
  });
}

function verdictOf(
  took: number | null,
  p50: number,
  p90: number,
  status: string | undefined,
): Compared['verdict'] {
  if (took === null || p90 === 0 || status === 'skipped' || status === 'cancelled') return null;
  if (took > p90) return 'slower than nine of ten';
  if (status !== 'completed') return null;
  return took > p50 * 1.25 ? 'slow' : 'as expected';
}

/** How long the critical path took as far as it has been walked, beside what was expected of that part. */
export function criticalSoFar(rows: Compared[]): {
  took: number;
  expected: number;
  done: number;
  all: number;
} {
  const path = rows.filter((row) => row.critical);
  const done = path.filter((row) => row.status === 'completed');
  return {
    took: done.reduce((sum, row) => sum + (row.took ?? 0), 0),
    expected: done.reduce((sum, row) => sum + row.p50, 0),
    done: done.length,
    all: path.length,
  };
}
