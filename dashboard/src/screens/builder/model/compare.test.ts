import { parse } from 'yaml';
import { expect, it } from 'vitest';
import { compare, inWords } from './compare';
import { graphOf } from './graph';

const words = (a: string, b: string) => inWords(compare(graphOf(parse(a)), graphOf(parse(b))));

it('says what became of steps and of what stands at the top', () => {
  const before = '{name: x, nodes: {a: {type: emit}, b: {type: emit}}}';
  expect(words(before, '{name: x, description: d, nodes: {a: {type: wait}, c: {type: emit}, e: {}}}')).toBe(
    '2 steps added, 1 step changed, 1 step removed, description changed',
  );
});

it('says so when only edges differ', () => {
  const before = '{nodes: {a: {}, b: {}}, chain: [a, b]}';
  expect(words(before, '{nodes: {a: {}, b: {}}}')).toBe('1 edge changed');
});

it('says so when only comments and order differ', () => {
  expect(words('{nodes: {a: {}, b: {}}}', '{nodes: {b: {}, a: {}}} # new')).toBe(
    'Only comments and order have changed',
  );
});
