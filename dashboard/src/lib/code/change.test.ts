import { expect, it } from 'vitest';
import { changeBetween } from './change';

it('finds nothing where nothing is different', () => expect(changeBetween('a', 'a')).toBeNull());

it('leaves what is the same before and behind', () => {
  expect(changeBetween('one two three', 'one 2 three')).toEqual({ from: 4, to: 7, insert: '2' });
});

it('takes no character twice where one repeats', () => {
  expect(changeBetween('aa', 'aaa')).toEqual({ from: 2, to: 2, insert: 'a' });
  expect(changeBetween('aaa', 'aa')).toEqual({ from: 2, to: 3, insert: '' });
});
