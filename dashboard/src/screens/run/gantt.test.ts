import { expect, test } from 'vitest';
import { newStep, type Span, type Step } from './fold';
import { parallelism, partsOf, readyAt, roughly, scaleOf, ticksOf } from './gantt';

const T = Date.UTC(2026, 0, 1);
const iso = (ms: number) => new Date(T + ms).toISOString();
const step = (more: Partial<Step>): Step => ({ ...newStep('a'), type: 'agent_call', ...more });
const span = (n: number, from: number, to: number | null, outcome = 'completed', kind = 'attempt'): Span => ({
  id: kind === 'attempt' ? `a@${n}` : 'question',
  step: 'a',
  kind,
  outcome,
  started_at: iso(from),
  ended_at: to === null ? null : iso(to),
  duration_ms: 0,
  agent: null,
});
const kinds = (parts: ReturnType<typeof partsOf>) =>
  parts.map((part) => `${part.kind} ${part.from - T}-${part.to - T}`);

/** S0-2.2e */
test('time before, in and between attempts is told apart', () => {
  const parts = partsOf(
    step({ status: 'completed', started_at: iso(100), ended_at: iso(900) }),
    [span(2, 600, 900), span(1, 100, 300, 'failed')],
    T,
    T + 5000,
  );
  expect(kinds(parts)).toEqual(['queue 0-100', 'run 100-300', 'retry 300-600', 'run 600-900']);
  expect(parts.map((part) => part.attempt)).toEqual([null, 1, null, 2]);
});

test('until attempts have been read a step that called somebody is one bar, as long as the step', () => {
  const steps = new Map([
    ['a', step({ status: 'completed', attempts: 2, started_at: iso(10), ended_at: iso(90) })],
    ['b', { ...step({ status: 'running', attempts: 1, started_at: iso(90) }), path: 'b' }],
    [
      'c',
      { ...step({ status: 'completed', attempts: 0, started_at: iso(90), ended_at: iso(90) }), path: 'c' },
    ],
  ]);
  const rows = [...roughly(steps, () => true).values()].map(({ step, outcome, started_at, ended_at }) => [
    step,
    outcome,
    started_at,
    ended_at,
  ]);
  expect(rows).toEqual([
    ['a', 'completed', iso(10), iso(90)],
    ['b', 'running', iso(90), null],
  ]);
});

test('what goes on reaches to now', () => {
  expect(
    kinds(partsOf(step({ status: 'running' }), [span(1, 100, null, 'running')], T + 100, T + 700)),
  ).toEqual(['run 100-700']);
  expect(
    kinds(partsOf(step({ status: 'retrying' }), [span(1, 100, 200, 'failed')], T + 100, T + 700)),
  ).toEqual(['run 100-200', 'retry 200-700']);
});

test('a question is time of a person, and a wait is none of a machine', () => {
  expect(
    kinds(
      partsOf(
        step({ type: 'human_gate', status: 'waiting' }),
        [span(0, 10, null, 'pending', 'approval')],
        T,
        T + 50,
      ),
    ),
  ).toEqual(['queue 0-10', 'approval 10-50']);
  expect(
    kinds(
      partsOf(
        step({ type: 'wait', status: 'completed', started_at: iso(5), ended_at: iso(25) }),
        [],
        T + 5,
        T + 50,
      ),
    ),
  ).toEqual(['wait 5-25']);
});

test('a step is ready when the last of what it needs has ended', () => {
  const steps = new Map([
    ['x', { ...newStep('x'), ended_at: iso(10) }],
    ['y', { ...newStep('y'), ended_at: iso(40) }],
  ]);
  expect(readyAt(step({ needs: ['x', 'y'] }), steps, T)).toBe(T + 40);
  expect(readyAt(step({ needs: ['x', 'z'] }), steps, T)).toBeNull();
  expect(readyAt(step({}), steps, T)).toBe(T);
});

test('a retry three days later does not squeeze the rest', () => {
  const day = 86_400_000;
  const scale = scaleOf(
    T,
    T + 3 * day + 60_000,
    [
      { from: T, to: T + 60_000 },
      { from: T + 3 * day, to: T + 3 * day + 60_000 },
    ],
    true,
  );
  expect(scale.folds).toHaveLength(1);
  expect(scale.at(T)).toBe(0);
  expect(scale.at(T + 60_000)).toBeGreaterThan(0.4);
  expect(scale.at(scale.to)).toBeCloseTo(1);
  for (const place of [0, 0.2, 0.49, 0.5, 0.51, 0.8, 1])
    expect(scale.at(scale.time(place))).toBeCloseTo(place, 4);
});

test('a scale without folds is even', () => {
  const scale = scaleOf(T, T + 100, [], false);
  expect(scale.at(T + 25)).toBeCloseTo(0.25);
  expect(ticksOf(scale, 6)).toEqual([0, 20, 40, 60, 80, 100]);
});

/** S0-2.2c, S2-3.3c */
test('what ran side by side took less time than it worked', () => {
  expect(parallelism([span(1, 0, 100), span(2, 50, 150), span(3, 200, 300)], T + 300)).toEqual({
    worked: 300,
    busy: 250,
  });
});

test('a step that runs a workflow of its own waits for it', () => {
  const child = step({ type: 'workflow', status: 'waiting', reason: 'child', child: 'r' });
  expect(kinds(partsOf(child, [], T + 5, T + 50))).toEqual(['wait 5-50']);
});

test('a gap that is short beside what was done stays', () => {
  const busy = [
    { from: T, to: T + 60_000 },
    { from: T + 80_000, to: T + 140_000 },
  ];
  expect(scaleOf(T, T + 140_000, busy, true).folds).toEqual([]);
  const later = [...busy, { from: T + 300_000, to: T + 301_000 }];
  expect(scaleOf(T, T + 301_000, later, true).folds).toHaveLength(1);
});

test('what undoes a step did not wait since its step began', () => {
  const pay = step({ path: 'pay', started_at: iso(100) });
  const undo = step({ path: 'pay.compensate' });
  expect(readyAt(undo, new Map([['pay', pay]]), T)).toBeNull();
});
