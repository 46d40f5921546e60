import { describe, expect, it } from 'vitest';
import type { Readiness } from '$lib/api/readiness';
import { checks, lagOf } from './health';

function ready(more: Partial<Readiness> = {}): Readiness {
  return {
    ready: true,
    draining: false,
    version: '0.1.0',
    journal: { available: true, log: 'l', epoch: 1, head: '900', queued: 0 },
    storage: {
      level: 'plenty',
      free_bytes: 2 ** 30,
      total_bytes: 2 ** 40,
      reserved_bytes: 0,
      warn_below_bytes: 1,
      refuse_below_bytes: 1,
    },
    views: { runs: { state: 'live', cursor: '890' }, approvals: { state: 'live', cursor: '900' } },
    slots: { total: 16, used: 2, waiting: 0 },
    damage: { places: 0, more: false, first: [] },
    ...more,
  };
}

const told = (of: Readiness) => checks(of).map((check) => `${check.tone} ${check.name}: ${check.word}`);

describe('the health of the daemon', () => {
  it('is all green when nothing is wrong', () => {
    expect(told(ready())).toEqual([
      'green Daemon: Ready',
      'green Journal: Available',
      'green Disk: Plenty',
      'green Lists: Live',
      'green Slots: 2 of 16',
      'green Damage: None found',
    ]);
  });

  it('says what is wrong first', () => {
    const found = told(
      ready({
        damage: { places: 3, more: true, first: [] },
        views: { runs: { state: 'set_aside', cursor: '1', reason: 'x' } },
        slots: { total: 2, used: 2, waiting: 5 },
      }),
    );
    expect(found.slice(0, 3)).toEqual([
      'red Damage: More than 3 places',
      'amber Lists: Not all live',
      'amber Slots: 2 of 2',
    ]);
  });

  it('knows how far a list is behind, and never less than nothing', () => {
    expect([lagOf(ready(), '890'), lagOf(ready(), '950')]).toEqual([10, 0]);
  });
});
