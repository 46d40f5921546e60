import { describe, expect, it } from 'vitest';
import type { Run } from '$lib/runs/words';
import { approvalItem, inOrder, neighbour, nodeOf, onTimeout, quarantineItem, type Approval } from './items';

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

describe('what happens when nobody answers', () => {
  const definition = {
    nodes: {
      ask: { type: 'human_gate', on_timeout: 'approve' },
      each: { type: 'map', node: { type: 'human_gate' } },
      list: { type: 'map', node: { type: 'map', node: { type: 'human_gate', on_timeout: 'wait' } } },
    },
  };

  it('stands at the gate', () => {
    expect(onTimeout(nodeOf(definition, 'ask'))).toBe('it is approved');
  });

  it('stands inside of what holds it', () => {
    expect(onTimeout(nodeOf(definition, 'each.2'))).toBe('it is rejected');
  });

  it('is not said where it is not known', () => {
    expect(onTimeout(nodeOf(definition, 'nobody'))).toBeNull();
    expect(onTimeout(nodeOf(null, 'ask'))).toBeNull();
    expect(onTimeout({ on_timeout: 'dance' })).toBeNull();
  });
});
