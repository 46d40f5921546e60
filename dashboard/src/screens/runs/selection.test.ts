import { expect, it } from 'vitest';
import { Selection } from './selection.svelte';

const order = ['a', 'b', 'c', 'd'];

it('takes in what stands between two rows', () => {
  const chosen = new Selection();
  chosen.toggle('b', order, false);
  chosen.toggle('d', order, true);
  expect([...chosen.ids]).toEqual(['b', 'c', 'd']);
  chosen.toggle('c', order, true);
  expect([...chosen.ids]).toEqual(['b']);
});

it('is those that are loaded once one was taken out of all', () => {
  const chosen = new Selection();
  chosen.all = true;
  expect(chosen.has('nobody')).toBe(true);
  chosen.toggle('a', order, false);
  expect(chosen.all).toBe(false);
  expect([...chosen.ids]).toEqual(['b', 'c', 'd']);
});

it('loses what left the list, and nothing else', () => {
  const chosen = new Selection();
  chosen.setAll(order, true);
  chosen.keep(['x', 'a', 'c', 'd']);
  expect([...chosen.ids]).toEqual(['a', 'c', 'd']);
});
