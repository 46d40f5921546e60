/** Numbers over the list of runs: how many of what, and what happened in each hour. */
import { api, data } from './client';
import { ApiError } from './problem';

export interface RunCounts {
  total: number;
  by_status: Record<'pending' | 'running' | 'paused' | 'completed' | 'failed' | 'cancelled', number>;
  /** Answers of people that runs wait for; a run may wait for several. */
  waiting_approvals: number;
  /** Runs by what a step of theirs waits for; a run that waits for several counts for each. */
  waiting: Record<'approval' | 'reconcile' | 'signal' | 'child' | 'time', number>;
  quarantined: number;
  sequence: string;
  /** Counting was stopped, so that there may be more. */
  partial?: boolean;
}

export interface HistoryBucket {
  at: string;
  started: number;
  completed: number;
  failed: number;
  cancelled: number;
}

export interface RunHistory {
  bucket_ms: number;
  buckets: HistoryBucket[];
}

export async function runCounts(
  query: { workflow?: string; label?: string } = {},
  signal?: AbortSignal,
): Promise<RunCounts> {
  return (await data(
    api.GET('/api/v1/runs/counts' as never, { params: { query }, ...(signal ? { signal } : {}) } as never),
  )) as RunCounts;
}

export async function runHistory(
  hours: number,
  workflow?: string,
  signal?: AbortSignal,
): Promise<RunHistory> {
  const query = { hours, ...(workflow ? { workflow } : {}) };
  return (await data(
    api.GET('/api/v1/runs/history' as never, { params: { query }, ...(signal ? { signal } : {}) } as never),
  )) as RunHistory;
}

/** An older daemon knows no such address or word: what it can answer is shown, and the rest is left out. */
export function isNotThere(error: unknown): boolean {
  return error instanceof ApiError && (error.status === 404 || error.status === 400 || error.status === 405);
}
