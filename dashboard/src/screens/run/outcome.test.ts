import { expect, test } from 'vitest';
import { newStep, type Step } from './fold';
import { missingOf } from './outcome';

const step = (path: string, status: string, more: Partial<Step> = {}): Step => ({
  ...newStep(path),
  status,
  ...more,
});

test('what is missing is what failed, and what could not be done because of it', () => {
  const found = missingOf([
    step('load', 'completed'),
    step('each', 'completed'),
    step('each.3', 'failed'),
    step('extra', 'failed'),
    step('after', 'skipped', { skipped: { because: 'failed', chain: ['extra'] } }),
    step('other', 'skipped', { skipped: { because: 'condition', condition: 'false' } }),
  ]);
  expect(found.failed.map((one) => one.path)).toEqual(['each.3', 'extra']);
  expect(found.left.map((one) => one.path)).toEqual(['after']);
});

test('of a map that failed its items are told', () => {
  const found = missingOf([step('each', 'failed'), step('each.0', 'failed'), step('each.1', 'completed')]);
  expect(found.failed.map((one) => one.path)).toEqual(['each.0']);
});
