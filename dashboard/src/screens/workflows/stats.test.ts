import { expect, it } from 'vitest';
import { durations, successRate } from './stats';

const run = (status: string, ms: number | null) => ({
  status,
  created_at: '2026-01-01T00:00:00.000Z',
  started_at: '2026-01-01T00:00:01.000Z',
  ended_at: ms === null ? null : new Date(Date.UTC(2026, 0, 1, 0, 0, 1) + ms).toISOString(),
});

it('measures runs that completed, from their start', () => {
  const runs = [
    run('completed', 100),
    run('completed', 300),
    run('completed', 200),
    run('failed', 9000),
    run('running', null),
  ];
  expect(durations(runs)).toEqual({ of: 3, p50: 200, p95: 300, longest: 300 });
});

it('says nothing of durations while nothing has completed', () =>
  expect(durations([run('failed', 1)])).toBeNull());

it('counts neither running nor cancelled runs into the rate of success', () => {
  expect(successRate({ completed: 3, failed: 1, running: 5, cancelled: 9 })).toBe(0.75);
  expect(successRate({ running: 1 })).toBeNull();
});
