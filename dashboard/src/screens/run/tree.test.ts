import { expect, test } from 'vitest';
import { newStep } from './fold';
import { facetsOf, owners, treeOf } from './tree';

const steps = new Map(
  ['load', 'each', ...Array.from({ length: 12 }, (_, n) => `each.${n}`), 'sum'].map((path) => [
    path,
    { ...newStep(path), status: path === 'each.7' ? 'failed' : 'completed' },
  ]),
);
const order = new Map([
  ['load', 0],
  ['each', 1],
  ['sum', 2],
]);
const paths = (open: string[], query = { text: '', statuses: [] as string[] }) =>
  treeOf(steps, order, new Set(open), query).map((row) => row.path);

test('items are hidden until their map is opened', () => {
  expect(paths([])).toEqual(['load', 'each', 'sum']);
  expect(paths(['each'])).toHaveLength(15);
  expect(paths(['each']).slice(0, 4)).toEqual(['load', 'each', 'each.0', 'each.1']);
});

test('what is sought is shown with what it belongs to', () => {
  expect(paths([], { text: '', statuses: ['failed'] })).toEqual(['each', 'each.7']);
  expect(paths([], { text: 'EACH.1', statuses: [] })).toEqual(['each', 'each.1', 'each.10', 'each.11']);
});

test('what has to be open for a step', () => {
  expect(owners('a.1.2')).toEqual(['a.1', 'a']);
});

test('steps are counted without what is inside of them', () => {
  expect(facetsOf(steps.values())).toEqual(
    new Map([
      ['completed', { steps: 3, inside: 11 }],
      ['failed', { steps: 0, inside: 1 }],
    ]),
  );
});
