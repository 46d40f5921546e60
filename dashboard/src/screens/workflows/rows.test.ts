import { expect, it } from 'vitest';
import type { Recorded } from '$lib/feed/decode';
import { queryOf, RECENT, withRuns, type Row } from './rows';

const row = (name: string, runs: { id: string; status: string }[] = []): Row => ({
  name,
  description: '',
  version: 1,
  hash: '',
  created_at: '2026-01-01T00:00:00Z',
  saved_at: '2026-01-01T00:00:00Z',
  message: '',
  visibility: 'private',
  deleted: false,
  recent_runs: runs.map((run) => ({ ...run, created_at: '2026-01-01T00:00:00Z', ended_at: null })),
});

const event = (type: string, run: string, data: Record<string, unknown> = {}): Recorded => ({
  kind: 'recorded',
  type,
  subject: { text: `runs/${run}`, run },
  time: new Date('2026-01-01T00:01:00Z'),
  sequence: 1n,
  streamSequence: 1n,
  data,
});

it('adds a run that was started to its workflow, in front', () => {
  const [a, b] = withRuns([row('a'), row('b')], [event('run.created', '1', { workflow: 'b' })]);
  expect(a?.recent_runs).toEqual([]);
  expect(b?.recent_runs?.[0]).toMatchObject({ id: '1', status: 'pending' });
});

it('keeps no more runs than it shows', () => {
  const runs = Array.from({ length: RECENT }, (_, at) => ({ id: `old-${at}`, status: 'completed' }));
  const [a] = withRuns([row('a', runs)], [event('run.created', 'new', { workflow: 'a' })]);
  expect(a?.recent_runs).toHaveLength(RECENT);
  expect(a?.recent_runs?.[0]?.id).toBe('new');
});

it('ends a run where it is shown', () => {
  const [a] = withRuns([row('a', [{ id: '1', status: 'running' }])], [event('run.failed', '1')]);
  expect(a?.recent_runs?.[0]).toMatchObject({ status: 'failed', ended_at: '2026-01-01T00:01:00.000Z' });
});

it('leaves rows as they are when no event concerns them', () => {
  const rows = [row('a')];
  expect(withRuns(rows, [event('run.failed', 'unknown'), event('step.started', '1')])).toBe(rows);
});

it('asks for deleted workflows only when they are wanted', () => {
  expect(queryOf('', 'all')).toEqual({ visibility: 'all' });
  expect(queryOf('x', 'deleted')).toEqual({ q: 'x', visibility: 'all', deleted: true });
});
