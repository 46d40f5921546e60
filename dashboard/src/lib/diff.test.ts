import { expect, test } from 'vitest';
import { diffLines } from './diff';

const said = (before: string, after: string) =>
  diffLines(before, after).map(({ kind, text }) => ({ same: ' ', removed: '-', added: '+' })[kind] + text);

test('lines that are the same stay', () => {
  expect(said('a\nb\nc', 'a\nx\nc')).toEqual([' a', '-b', '+x', ' c']);
});

test('nothing changed, everything changed', () => {
  expect(said('a', 'a')).toEqual([' a']);
  expect(said('a\nb', 'c')).toEqual(['-a', '-b', '+c']);
});

test('both sides can be made again from it, whatever they were', () => {
  let seed = 7;
  const random = (n: number) => (seed = (seed * 1103515245 + 12345) % 2147483648) % n;
  for (let round = 0; round < 60; round += 1) {
    const lines = () => Array.from({ length: random(14) }, () => 'abc'.charAt(random(3))).join('\n');
    const [before, after] = [lines(), lines()];
    const found = diffLines(before, after);
    const side = (kind: 'added' | 'removed') =>
      found
        .filter((line) => line.kind !== kind)
        .map((line) => line.text)
        .join('\n');
    expect(side('added')).toBe(before);
    expect(side('removed')).toBe(after);
  }
});

test('texts that differ in thousands of lines do not hold up the page', () => {
  const many = (word: string) => Array.from({ length: 20_000 }, (_, n) => word + n).join('\n');
  const begun = performance.now();
  expect(diffLines(many('a'), many('b'))).toHaveLength(40_000);
  expect(performance.now() - begun).toBeLessThan(10_000);
});
