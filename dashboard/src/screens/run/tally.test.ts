import { expect, test } from 'vitest';
import { tally, tallyWords, type Countable } from './tally';

const run = (steps: Record<string, string | Countable>) =>
  new Map(
    Object.entries(steps).map(([path, step]) => [path, typeof step === 'string' ? { status: step } : step]),
  );
const said = (steps: Record<string, string | Countable>) => tallyWords(tally(run(steps)));

test('steps are the nodes of the definition', () => {
  expect(said({ a: 'completed', b: 'running', c: 'pending' })).toBe('1 of 3 steps done');
  expect(said({})).toBe('');
});

test('a map is one step, and its items are told apart', () => {
  const each = { status: 'running', type: 'map', items: 10_000 };
  expect(
    said({ list: 'completed', each, 'each.0': 'completed', 'each.1': 'failed', 'each.2': 'running' }),
  ).toBe('1 of 2 steps done; 1 of 10,000 items done, 1 failed');
  expect(tally(run({ each, 'each.0': 'completed' })).items?.by.get('pending')).toBe(9_999);
});

test('items of an item belong to it', () => {
  const each = { status: 'running', type: 'map', items: 2 };
  expect(said({ each, 'each.0': 'running', 'each.0.0': 'completed', 'each.0.1': 'completed' })).toBe(
    '0 of 1 step done; 0 of 2 items done',
  );
});

test('passes of a loop are no items', () => {
  const better = { status: 'completed', type: 'loop', items: 2 };
  expect(said({ better, 'better.1': 'completed', 'better.2': 'completed' })).toBe(
    '1 of 1 step done; 2 of 2 passes done',
  );
});

test('what makes a step good is no step', () => {
  expect(said({ pay: 'completed', 'pay.compensate': 'running', 'pay.verify': 'completed' })).toBe(
    '1 of 1 step done',
  );
});

test('what ended otherwise is named', () => {
  expect(said({ a: 'completed', b: 'skipped', c: 'failed', d: 'cancelled' })).toBe(
    '1 of 4 steps done, 1 skipped, 1 failed, 1 cancelled',
  );
});
