import { expect, it } from 'vitest';
import { hunks, merge } from './merge';

const lines = (...all: string[]) => all.join('\n');
const BASE = lines('a', 'b', 'c', 'd', 'e');

it('brings changes of different places together', () => {
  expect(merge(BASE, lines('A', 'b', 'c', 'd', 'e'), lines('a', 'b', 'c', 'd', 'E', 'f'))).toEqual({
    text: lines('A', 'b', 'c', 'd', 'E', 'f'),
    conflicts: 0,
    taken: 1,
  });
});

it('keeps ours where both changed the same, and counts it', () => {
  expect(merge(BASE, lines('a', 'b', 'mine', 'd', 'e'), lines('a', 'b', 'theirs', 'd', 'e'))).toMatchObject({
    text: lines('a', 'b', 'mine', 'd', 'e'),
    conflicts: 1,
  });
});

it('finds no conflict where both did the same', () => {
  const same = lines('a', 'x', 'c', 'd', 'e');
  expect(merge(BASE, same, same)).toEqual({ text: same, conflicts: 0, taken: 0 });
});

it('takes lines away that one of both took away', () => {
  expect(merge(BASE, BASE, lines('a', 'e')).text).toBe(lines('a', 'e'));
  expect(merge(BASE, lines('a', 'e'), BASE).text).toBe(lines('a', 'e'));
});

it('is whatever the other is when one did nothing', () => {
  for (const other of ['', 'x', lines('a', 'b'), lines('z', 'a', 'b', 'q', 'c', 'd', 'e')]) {
    expect(merge(BASE, BASE, other).text).toBe(other);
    expect(merge(BASE, other, BASE).text).toBe(other);
  }
});

it('finds hunks that make the one of the other', () => {
  const [a, b] = ['abcabba'.split(''), 'cbabac'.split('')];
  let shift = 0;
  const made = [...a];
  for (const hunk of hunks(a, b)) {
    made.splice(hunk.from + shift, hunk.to - hunk.from, ...hunk.lines);
    shift += hunk.lines.length - (hunk.to - hunk.from);
  }
  expect(made).toEqual(b);
});
