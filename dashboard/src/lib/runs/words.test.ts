import { describe, expect, it } from 'vitest';
import { markOf, took, waitsOf, why, type Run } from './words';

const run = (more: Partial<Run>): Run => ({
  id: '1',
  workflow: 'w',
  version: 1,
  definition_hash: '',
  status: 'running',
  cancel_requested: false,
  priority: 0,
  labels: {},
  created_at: '2026-01-01T00:00:00Z',
  waiting_approvals: 0,
  waits_for: [],
  usage: { input_tokens: 0, output_tokens: 0 },
  sequence: '1',
  ...more,
});

describe('runs in words', () => {
  it('say what they wait for', () => {
    expect(why(run({ waiting_approvals: 2, waits_for: ['time'] }))).toBe('waits for 2 answers, a time');
    expect(waitsOf(run({ waiting_approvals: 1, waits_for: ['approval'] }))).toEqual(['approval']);
    expect(why(run({}))).toBe('');
  });

  it('say where they failed', () => {
    const error = { class: 'data', code: 'x', message: 'no such file', step: 'read' };
    expect(why(run({ status: 'failed', error }))).toBe('read: no such file');
  });

  it('say why they are paused, also for reasons that are new', () => {
    expect(why(run({ status: 'paused', reason: 'operator' }))).toBe('paused by somebody');
    expect(why(run({ status: 'paused', reason: 'moon' }))).toBe('moon');
  });

  it('need somebody before all else', () => {
    expect(markOf(run({ waiting_approvals: 1 }))).toBe('needs_you');
    expect(markOf(run({ status: 'paused', waiting_approvals: 1 }))).toBe('needs_you');
    expect(markOf(run({ status: 'paused', reason: 'quarantined' }))).toBe('needs_you');
    expect(markOf(run({ waits_for: ['time'] }))).toBe('waiting');
    expect(markOf(run({ status: 'failed', waits_for: ['reconcile'] }))).toBeNull();
  });

  it('say that a part is missing beside that they have completed', () => {
    expect(markOf(run({ status: 'completed', result: 'partial' }))).toBe('partial');
    expect(markOf(run({ status: 'completed', result: 'complete' }))).toBeNull();
  });

  it('take from when they were asked for to their end, or to now, also when they were tried again', () => {
    const again = { started_at: '2026-01-01T00:00:10Z' };
    expect(took(run({ ...again, ended_at: '2026-01-01T00:00:15Z' }), 0)).toBe(15_000);
    expect(took(run(again), Date.parse('2026-01-01T00:00:11Z'))).toBe(11_000);
  });
});
