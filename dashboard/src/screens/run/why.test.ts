import { expect, test } from 'vitest';
import type { Run } from './coming';
import { newStep, type Step } from './fold';
import { why } from './why';

const run = (more: object) => ({ status: 'running', cancel_requested: false, ...more }) as Run;
const step = (path: string, more: Partial<Step>): Step => ({ ...newStep(path), type: 'agent_call', ...more });
const now = Date.UTC(2026, 0, 1);

test('a write of which nobody knows is told before all else', () => {
  const told = why(
    run({}),
    [
      step('a', { status: 'running' }),
      step('b', { status: 'waiting', reason: 'approval' }),
      step('c', { status: 'waiting', reason: 'reconcile' }),
    ],
    now,
  );
  expect(told).toMatchObject({ step: 'c', tone: 'ask' });
});

test('what waits for a person says for how long, and that others run', () => {
  const began = new Date(now - 90_000).toISOString();
  const told = why(
    run({}),
    [
      step('ok', { status: 'waiting', reason: 'approval', started_at: began }),
      step('a', { status: 'running' }),
    ],
    now,
  );
  expect(told.text).toBe('ok has been waiting for a person for 1 min 30 s; 1 other step is running.');
});

test('what is tried again says when', () => {
  const retry_at = new Date(now + 12_000).toISOString();
  expect(why(run({}), [step('a.2', { status: 'retrying', retry_at })], now).text).toBe(
    'a[2] failed and is tried again in 12 s.',
  );
});

test('many are not all named, and a map is not among them', () => {
  const steps = Array.from({ length: 9 }, (_, n) => step(`each.${n}`, { status: 'running' }));
  expect(why(run({}), [...steps, step('a', { status: 'running' })], now).text).toBe(
    'each[0], each[1], each[2] and 7 more are running.',
  );
  expect(why(run({}), [step('each', { type: 'map', status: 'running' }), ...steps], now).text).toBe(
    '9 items of each are running.',
  );
});

test('a run that failed says what failed', () => {
  const error = { class: 'data', code: 'x', message: 'the log is empty', step: 'logs' };
  expect(why(run({ status: 'failed', error }), [], now)).toEqual({
    text: 'It failed at logs.',
    step: 'logs',
    tone: 'bad',
  });
});

test('a run that left steps out does not say that everything was done', () => {
  const completed = run({ status: 'completed', result: 'complete' });
  expect(why(completed, [step('a', { status: 'completed' })], now).text).toContain('everything');
  const left = ['b', 'c', 'd', 'e'].map((path) => step(path, { status: 'skipped' }));
  expect(why(completed, left, now).text).toBe('It completed. Not needed: b, c, d and 1 more.');
});

test('a run that is cancelled, or being cancelled, says why in the words of who asked', () => {
  const asked = { cancel_requested: true, cancel_reason: ' The client called it off. ' };
  expect(why(run(asked), [], now).quote).toBe('The client called it off.');
  expect(why(run({ ...asked, status: 'cancelled' }), [], now).quote).toBe('The client called it off.');
  expect(why(run({ status: 'cancelled', cancel_reason: null }), [], now)).not.toHaveProperty('quote');
});

test('what was not undone is named before all else that a cancelled run has to say', () => {
  const told = why(run({ status: 'cancelled', not_compensated: ['pay', 'each.1'] }), [], now);
  expect(told).toMatchObject({
    text: 'It was cancelled, and what pay and each[1] did was not undone.',
    step: 'pay',
    tone: 'bad',
  });
  const tried = why(
    run({ status: 'cancelled', not_compensated: ['pay'] }),
    [step('pay.compensate', {})],
    now,
  );
  expect(tried.step).toBe('pay.compensate');
});

test('several that wait for a person are told as several', () => {
  const steps = ['a', 'b'].map((path) => step(path, { status: 'waiting', reason: 'approval' }));
  expect(why(run({}), steps, now).text).toBe('a and b have been waiting for a person.');
});

test('a wait says for how long it goes on', () => {
  const until = new Date(now + 61_000).toISOString();
  const told = (reason: string) => why(run({}), [step('a', { status: 'waiting', reason, until })], now).text;
  expect(told('time')).toBe('a is waiting for 1 min 1 s more.');
  expect(told('signal')).toBe('a is waiting for a signal, for 1 min 1 s at most.');
  expect(told('child')).toBe('a is waiting for the run that it started.');
});

test('what failed while others go on is told first', () => {
  const told = why(run({}), [step('a', { status: 'failed' }), step('b', { status: 'running' })], now);
  expect(told).toMatchObject({ text: 'a failed; b is running.', step: 'b', tone: 'bad' });
});
