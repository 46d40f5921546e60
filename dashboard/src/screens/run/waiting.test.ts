import { expect, test } from 'vitest';
import { newStep, type Step } from './fold';
import { stepWhy } from './waiting';

const now = Date.UTC(2026, 0, 1);
const step = (more: Partial<Step>): Step => ({ ...newStep('b'), ...more });
const none = new Map<string, Step>();

/** S0-2.1d */
test('a step that has not begun names what it waits for', () => {
  const steps = new Map([
    ['a', { ...newStep('a'), status: 'running' }],
    ['c', { ...newStep('c'), status: 'completed' }],
  ]);
  expect(stepWhy(step({ needs: ['a', 'c'] }), steps, undefined, now)).toBe('Waits for a (running).');
});

test('a limit is told with its number', () => {
  const next = { step: 'b', status: 'ready', waits_for: 'limit', limit: { kind: 'max_parallel', max: 4 } };
  expect(stepWhy(step({ status: 'ready' }), none, next, now)).toBe(
    'Waits: the run makes 4 attempts at a time at most.',
  );
});

test('what was skipped says why', () => {
  const why = (skipped: object) => stepWhy(step({ status: 'skipped', skipped }), none, undefined, now);
  expect(why({ because: 'condition', condition: '!a.ok' })).toContain('!a.ok');
  expect(why({ because: 'failed', chain: ['a', 'each.2'] })).toBe(
    'Could not start: a failed, and what was between (each[2]) was skipped.',
  );
});

test('a wait counts down', () => {
  const until = new Date(now + 61_000).toISOString();
  expect(stepWhy(step({ status: 'waiting', reason: 'time', until }), none, undefined, now)).toBe(
    'Waits for 1 min 1 s more.',
  );
});
