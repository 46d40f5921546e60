import { expect, test } from 'vitest';
import { newStep, type Step } from './fold';
import { missingOf, type Missing } from './outcome';

const paths = (found: Missing) => found.failed.map(({ steps }) => steps.map(({ path }) => path).join(' '));
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
  expect(paths(found)).toEqual(['each.3', 'extra']);
  expect(found.left.map((one) => one.path)).toEqual(['after']);
});

test('of a map that failed its items are told', () => {
  const found = missingOf([step('each', 'failed'), step('each.0', 'failed'), step('each.1', 'completed')]);
  expect(paths(found)).toEqual(['each.0']);
});

test('items that failed with the same words are told together', () => {
  const error = (message: string) => ({ error: { class: 'data', code: 'x', message } });
  const found = missingOf([
    step('each.0', 'failed', error('It is not there')),
    step('each.1', 'failed', error('It is too large')),
    step('each.2', 'failed', error('It is not there')),
    step('other', 'failed', error('It is not there')),
  ]);
  expect(paths(found)).toEqual(['each.0 each.2', 'each.1', 'other']);
});
