import { beforeEach, describe, expect, it, vi } from 'vitest';
import { actionsFor, alreadySo, gather, perform, preview } from './bulk';

interface Asked {
  action: string;
  ids: string[];
  dry_run?: boolean;
  reason?: string;
}
const asked: Asked[] = [];

vi.mock('$lib/api/client', () => ({
  idempotencyKey: () => 'k',
  data: async (answer: Promise<{ data: unknown }>) => (await answer).data,
  api: {
    POST: async (_: string, { body }: { body: Asked }) => {
      asked.push(body);
      const items = body.ids.map((run, at) => ({
        run,
        status: run === 'paused' ? 'paused' : 'failed',
        error: at === 0 ? { code: 'run_state', detail: `${run} is over` } : null,
      }));
      return { data: { counts: { done: body.ids.length - 1 }, items } };
    },
  },
}));

beforeEach(() => {
  asked.length = 0;
});

describe('what many runs answer', () => {
  it('is gathered by reason, the most frequent first', () => {
    const refused = gather([
      { id: 'run-1', code: 'run_state', detail: 'the run run-1 is completed' },
      { id: 'b', code: 'other', detail: 'x' },
      { id: 'run-3', code: 'run_state', detail: 'the run run-3 is completed' },
    ]);
    expect(refused.map((one) => [one.code, one.runs])).toEqual([
      ['run_state', ['run-1', 'run-3']],
      ['other', ['b']],
    ]);
  });

  it.each(['pause', 'resume', 'cancel', 'retry'] as const)(
    'to %s is asked in batches, tried first',
    async (action) => {
      const ids = Array.from({ length: 1500 }, (_, at) => `run-${at}`);
      const { signal } = new AbortController();
      const progress: number[] = [];
      expect(await preview(action, ids, { reason: 'lunch' }, signal)).toMatchObject({ done: 1498 });
      const told = await perform(action, ids, { reason: 'lunch' }, signal, (n) => progress.push(n));
      expect(told).toEqual({
        done: 1498,
        refusals: [{ code: 'run_state', detail: 'is over', runs: ['run-0', 'run-1000'] }],
        already: [],
      });
      expect(progress).toEqual([1000, 1500]);
      expect(asked.map((body) => [body.action, body.ids.length, body.dry_run ?? false, body.reason])).toEqual(
        [
          [action, 1000, true, 'lunch'],
          [action, 500, true, 'lunch'],
          [action, 1000, false, 'lunch'],
          [action, 500, false, 'lunch'],
        ],
      );
    },
  );
});

it('those that are so already are not counted', async () => {
  const said = await preview('pause', ['x', 'a', 'paused'], {}, new AbortController().signal);
  expect(said).toMatchObject({ done: 1, already: ['paused'] });
  expect([1, 2].map((n) => alreadySo('pause', n))).toEqual(['1 is paused already.', '2 are paused already.']);
});

describe('what can be asked of a run', () => {
  it('depends on where it stands', () => {
    expect(actionsFor({ status: 'running', cancel_requested: false })).toEqual(['pause', 'cancel']);
    expect(actionsFor({ status: 'running', cancel_requested: true })).toEqual([]);
    expect(actionsFor({ status: 'failed', cancel_requested: false })).toEqual(['retry']);
    expect(actionsFor({ status: 'completed', cancel_requested: false })).toEqual([]);
  });
});
