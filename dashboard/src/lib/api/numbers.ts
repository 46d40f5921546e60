/** Numbers over the list of runs: how many of what, and what happened in each hour. */
import { api, data } from './client';
import type { components } from './schema';

export type RunCounts = components['schemas']['RunCounts'];
export type RunHistory = components['schemas']['RunHistory'];
export type HistoryBucket = components['schemas']['RunHistoryBucket'];

export function runCounts(
  query: { workflow?: string; label?: string } = {},
  signal?: AbortSignal,
): Promise<RunCounts> {
  return data(api.GET('/api/v1/runs/counts', { params: { query }, ...(signal ? { signal } : {}) }));
}

export function runHistory(hours: number, workflow?: string, signal?: AbortSignal): Promise<RunHistory> {
  const query = { hours, ...(workflow ? { workflow } : {}) };
  return data(api.GET('/api/v1/runs/history', { params: { query }, ...(signal ? { signal } : {}) }));
}
