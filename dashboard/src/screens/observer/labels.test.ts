import { expect, it } from 'vitest';
import { labelOf, shorten } from './labels';

const at = (name: string, pixels: number) => labelOf(name, pixels)?.lines.join('|') ?? null;

it('a box has all of its name where there is room, on one line or on two', () => {
  expect(at('partition-12', 140)).toBe('partition-12');
  expect(labelOf('partition-12', 100)).toEqual({ lines: ['partition-12'], small: true });
  expect(at('partition-12', 70)).toBe('partition-|12');
  expect(at('human-gates', 50)).toBe('human-|gates');
});

it('a narrow box has a short name, and a very narrow one has none', () => {
  expect(at('partition-12', 40)).toBe('p12');
  expect(at('partition-12', 20)).toBeNull();
  expect(at('p3', 20)).toBe('p3');
  expect(at('anything', 4)).toBeNull();
});

it('short names tell those with numbers apart', () => {
  expect(['partition-0', 'p15', 'human-gates', 'feed', 'worker7'].map(shorten)).toEqual([
    'p0',
    'p15',
    'hg',
    'f',
    'w7',
  ]);
});
