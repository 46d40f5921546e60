import { expect, test } from 'vitest';
import { newStep, type Span, type Step } from './fold';
import { rowOf, type Part } from './gantt';
import { beganAt, doneLast, rowsSince, spansSince, triesOf } from './tries';

const step = (path: string, iteration: number, attempts = 1, needs: string[] = []): Step => ({
  ...newStep(path),
  iteration,
  attempts,
  needs,
});
const steps = (...list: Step[]) => new Map(list.map((one) => [one.path, one]));
const time = (ms: number) => new Date(ms).toISOString();
const span = (id: string, name: string, kind: string, from: number, to: number): Span => ({
  id,
  step: name,
  kind,
  outcome: 'completed',
  started_at: time(from),
  ended_at: time(to),
  duration_ms: to - from,
});

const TRIED = steps(
  step('begin', 1),
  step('finish', 3, 1, ['shaky']),
  step('each', 3, 0, ['begin']),
  step('each.0', 1),
  step('each.1', 3),
  step('shaky', 3, 3, ['each']),
);

test('a run was tried as often as the step that was tried most', () => {
  expect(triesOf(steps(step('a', 1)))).toBe(1);
  expect(triesOf(TRIED)).toBe(3);
});

test('what could begin first in the last try stands before what had to wait for it', () => {
  expect(doneLast(TRIED)).toEqual(['each.1', 'finish', 'shaky']);
});

test('the last try began with the first of its attempts', () => {
  const attempts = [
    { iteration: 1, started_at: time(10) },
    { iteration: 3, started_at: time(80) },
    { iteration: 3, started_at: time(70) },
  ];
  expect(beganAt(TRIED, attempts, [])).toBe(70);
  expect(beganAt(TRIED, [], [])).toBeNull();
});

test('a question that was asked again belongs to the last try', () => {
  const spans = [span('q1', 'shaky', 'approval', 20, 30), span('q2', 'shaky', 'approval', 60, 90)];
  expect(beganAt(TRIED, [{ iteration: 3, started_at: time(90) }], spans)).toBe(60);
});

test('of the earlier tries nothing is left, and what began in one is cut', () => {
  const part = (kind: Part['kind'], from: number, to: number): Part => ({
    kind,
    from,
    to,
    outcome: null,
    attempt: null,
    agent: null,
    open: false,
  });
  const rows = [
    rowOf(step('begin', 1), [part('run', 0, 40)]),
    rowOf(step('shaky', 3), [part('run', 40, 50), part('retry', 50, 100), part('run', 100, 100)]),
    rowOf(step('each', 3), [part('run', 40, 130)]),
  ];
  const left = rowsSince(rows, 100);
  expect(left.map(({ path, from, to, totals }) => [path, from, to, totals.run])).toEqual([
    ['shaky', 100, 100, 0],
    ['each', 100, 130, 30],
  ]);
  const spans = new Map([
    ['a@1', span('a@1', 'a', 'attempt', 40, 50)],
    ['a@2', span('a@2', 'a', 'attempt', 100, 130)],
  ]);
  expect([...spansSince(spans, 100).keys()]).toEqual(['a@2']);
});
