import { expect, test } from 'vitest';
import { newStep, type Step } from './fold';
import { stepWhy, waitsOfSteps } from './waiting';

const now = Date.UTC(2026, 0, 1);
const step = (more: Partial<Step>): Step => ({ ...newStep('b'), ...more });
const none = new Map<string, Step>();

/** S0-2.1d */
test('a step that has not begun names what it waits for', () => {
  const steps = new Map([
    ['a', { ...newStep('a'), status: 'running' }],
    ['c', { ...newStep('c'), status: 'completed' }],
  ]);
  expect(stepWhy(step({ needs: ['a', 'c'] }), steps, undefined, now)).toBe('It is waiting for a (running).');
});

test('a limit is told with its number', () => {
  const next = { step: 'b', status: 'ready', waits_for: 'limit', limit: { kind: 'max_parallel', max: 4 } };
  expect(stepWhy(step({ status: 'ready' }), none, next, now)).toBe(
    'It is waiting: the run makes at most 4 attempts at a time.',
  );
});

test('what was skipped says why', () => {
  const why = (skipped: object) => stepWhy(step({ status: 'skipped', skipped }), none, undefined, now);
  expect(why({ because: 'condition', condition: '!a.ok' })).toContain('!a.ok');
  expect(why({ because: 'failed', chain: ['a', 'each.2'] })).toBe(
    'It could not start: a failed, and what was between (each[2]) was skipped.',
  );
});

test('a wait counts down', () => {
  const until = new Date(now + 61_000).toISOString();
  expect(stepWhy(step({ status: 'waiting', reason: 'time', until }), none, undefined, now)).toBe(
    'It is waiting for 1 min 1 s more.',
  );
});

test('what is tried again and should have begun is not told in no time', () => {
  const retry_at = new Date(now - 5).toISOString();
  expect(stepWhy(step({ status: 'retrying', retry_at }), none, undefined, now)).toBe(
    'It is tried again now.',
  );
});

test('steps wait together for what lists say that their run waits for', () => {
  const waits = (reason: string) => step({ status: 'waiting', reason });
  expect(
    waitsOfSteps([waits('approval'), waits('verdict'), waits('signal'), waits('slot'), step({})]),
  ).toEqual({
    waiting_approvals: 2,
    waits_for: ['signal'],
  });
});
