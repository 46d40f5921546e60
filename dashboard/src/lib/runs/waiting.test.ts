import { afterEach, expect, it, vi } from 'vitest';
import { WaitingRuns } from './waiting.svelte';
import { markOf } from './words';

const get = vi.hoisted(() => vi.fn());
vi.mock('$lib/api/client', () => ({
  api: { GET: get },
  data: async (answer: Promise<{ data: unknown }>) => (await answer).data,
}));

const RUN = { id: 'r', status: 'running', created_at: '2026-01-01T00:00:00Z', ended_at: null };
const waiting = new WaitingRuns();
const asked = () =>
  get.mock.calls.map(([, options]) => (options as { params: { query: object } }).params.query);

afterEach(() => get.mockReset());

it('asks nothing while nobody waits', async () => {
  waiting.follow({ approvals: 0, reconcile: 0, quarantined: 0 });
  await vi.waitFor(() => expect(markOf(waiting.standing(RUN))).toBeNull());
  expect(get).not.toHaveBeenCalled();
});

it('knows of a run that waits for a person, by one question for all', async () => {
  const items = [{ ...RUN, waiting_approvals: 1, waits_for: [], reason: null, result: null }];
  get.mockResolvedValue({ data: { items } });
  waiting.follow({ approvals: 1, reconcile: 2, quarantined: 0 });
  await vi.waitFor(() => expect(markOf(waiting.standing(RUN))).toBe('needs_you'));
  expect(asked()).toEqual([{ waits_for: 'approval,reconcile', limit: 200 }]);
  expect(markOf(waiting.standing({ ...RUN, status: 'completed' }))).toBeNull();
  expect(markOf(waiting.standing({ ...RUN, id: 'other' }))).toBeNull();
});
