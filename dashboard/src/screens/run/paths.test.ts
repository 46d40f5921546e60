import { expect, test } from 'vitest';
import { isItem, nodeOf, ownerOf, said, sortedPaths } from './paths';

test('paths say where a step belongs', () => {
  expect(nodeOf('each.2.1')).toBe('each');
  expect(ownerOf('each.2.1')).toBe('each.2');
  expect(ownerOf('each')).toBeNull();
  expect(isItem('each.2')).toBe(true);
  expect(isItem('pay.compensate')).toBe(false);
  expect(said('each.2.1')).toBe('each[2][1]');
  expect(said('pay.compensate')).toBe('pay · compensate');
});

test('items are sorted as numbers, nodes as the plan has them', () => {
  const order = new Map([
    ['b', 0],
    ['a', 1],
  ]);
  expect(sortedPaths(['a', 'b.10', 'b.9', 'b', 'b.9.1', 'x'], order)).toEqual([
    'b',
    'b.9',
    'b.9.1',
    'b.10',
    'a',
    'x',
  ]);
});
