import { expect, it } from 'vitest';
import { labelOf, shorten } from './labels';

const at = (name: string, pixels: number) => labelOf(name, pixels)?.lines.join('|') ?? null;

it('a box has all of its name where there is room, on one line or on two', () => {
  expect(labelOf('partition-12', 140)).toEqual({ lines: ['partition-12'], small: false });
  expect(labelOf('partition-12', 80)).toEqual({ lines: ['partition-12'], small: true });
  expect(at('partition-12', 55)).toBe('partition-|12');
  expect(at('human-gates', 42)).toBe('human-|gates');
  expect(at('surface', 33)).toBe('surf-|ace');
});

it('a narrow box has a short name, and a very narrow one has none', () => {
  expect(at('partition-12', 40)).toBe('p12');
  expect(at('p13', 20)).toBe('p13');
  expect(at('9a7d5c21', 33)).toBe('5c21');
  expect(at('runs', 12)).toBeNull();
  expect(at('anything', 4)).toBeNull();
});

it('short names tell those with numbers apart', () => {
  expect(['partition-0', 'p15', 'human-gates', 'feed', 'worker7'].map(shorten)).toEqual([
    'p0',
    'p15',
    'hg',
    'feed',
    'w7',
  ]);
});
