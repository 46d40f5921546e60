import { describe, expect, it } from 'vitest';
import { actionsFor, gather, preview } from './bulk';

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

  it('is said by the status for what no batch can try', async () => {
    const members = [
      { id: 'a', status: 'running', workflow: 'w' },
      { id: 'b', status: 'completed', workflow: 'w' },
    ];
    const said = await preview('pause', members, {}, new AbortController().signal);
    expect(said.done).toBe(1);
    expect(said.refusals[0]?.runs).toEqual(['b']);
  });
});

describe('what can be asked of a run', () => {
  it('depends on where it stands', () => {
    expect(actionsFor({ status: 'running', cancel_requested: false })).toEqual(['pause', 'cancel']);
    expect(actionsFor({ status: 'running', cancel_requested: true })).toEqual([]);
    expect(actionsFor({ status: 'failed', cancel_requested: false })).toEqual(['retry']);
    expect(actionsFor({ status: 'completed', cancel_requested: false })).toEqual([]);
  });
});
