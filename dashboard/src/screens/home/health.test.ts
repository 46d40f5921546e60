import { expect, it } from 'vitest';
import type { Readiness } from '$lib/api/readiness';
import { findings } from './health';

const well = {
  ready: true,
  draining: false,
  version: '1',
  journal: { available: true, epoch: 1, head: '1', log: 'l', queued: 0 },
  storage: {
    level: 'plenty',
    free_bytes: 1 << 30,
    total_bytes: 1 << 31,
    reserved_bytes: 0,
    warn_below_bytes: 0,
    refuse_below_bytes: 0,
  },
  views: { runs: { state: 'live', cursor: '1' } },
  slots: { total: 1, used: 0, waiting: 0 },
} as unknown as Readiness;

it('nothing is said of a daemon that is well', () => {
  expect(findings(well)).toEqual([]);
});

it('each thing that is not well is said', () => {
  const ill = {
    ...well,
    ready: false,
    storage: { ...well.storage, level: 'short' },
    views: { runs: { state: 'catching_up', cursor: '1' } },
  } as unknown as Readiness;
  expect(findings(ill)).toEqual([
    'The disk is short of room (1.0 GiB free): nothing new starts',
    'The list of runs is catching up',
  ]);
  expect(findings({ ...well, ready: false } as Readiness)).toEqual(['The daemon is not ready']);
});
