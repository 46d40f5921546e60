import { describe, expect, it } from 'vitest';
import type { Approval } from '$lib/approvals/approval';
import type { Run } from '$lib/runs/words';
import { approvalItem, inOrder, neighbour, quarantineItem, runOf } from './items';

const NOW = Date.parse('2026-01-01T12:00:00Z');
const ask = (id: string, more: Partial<Approval> = {}) =>
  approvalItem({
    id,
    run: 'r',
    step: 's',
    action: 'Go on',
    cut: false,
    risk: 'low',
    shown: '',
    status: 'pending',
    requested_at: '2026-01-01T11:00:00Z',
    changed: false,
    ...more,
  });

describe('what waits for a person', () => {
  it('is in the order in which it wants to be looked at', () => {
    const items = [
      ask('old', { requested_at: '2026-01-01T09:00:00Z' }),
      ask('new'),
      ask('risky', { risk: 'critical' }),
      ask('later', { expires_at: '2026-01-03T12:00:00Z' }),
      ask('soon', { expires_at: '2026-01-01T12:05:00Z' }),
      quarantineItem({ id: 'x', created_at: '2026-01-01T11:00:00Z' } as Run),
    ];
    expect(inOrder(items, NOW).map((item) => item.key)).toEqual([
      'a:soon',
      'a:risky',
      'q:x',
      'a:old',
      'a:new',
      'a:later',
    ]);
  });

  it('is followed by what stands below it', () => {
    const items = [ask('1'), ask('2'), ask('3')];
    expect(neighbour(items, 'a:2')).toBe('a:3');
    expect(neighbour(items, 'a:3')).toBe('a:2');
    expect(neighbour([ask('1')], 'a:1')).toBeNull();
  });
});

it('is of a run, to which it leads also when it is answered', () => {
  expect(runOf(ask('a', { workflow: 'deploy' }))).toEqual({ run: 'r', workflow: 'deploy' });
  expect(runOf(ask('a'))).toEqual({ run: 'r', workflow: 'the run' });
  const run = { id: 'x', workflow: 'deploy', created_at: '' } as Run;
  expect(runOf(quarantineItem(run))).toEqual({ run: 'x', workflow: 'deploy' });
});
