import { expect, test } from 'vitest';
import { rootOf, type JsonNode } from './lex';
import { around, openAtFirst, placesOf, rowAt, rowsOf } from './rows';

const text = '{"a":{"deep":[1,{"needle":"x"}]},"b":2}';
const root = rootOf(text) as JsonNode;

test('only what is open has lines', () => {
  expect(rowsOf(text, root, new Set())).toHaveLength(1);
  const rows = rowsOf(text, root, new Set([0]));
  expect(rows.map((row) => row.name)).toEqual([null, 'a', 'b']);
});

test('what is found is brought to light', () => {
  const [place] = placesOf(text, 'NEEDLE');
  const open = new Set(around(text, root, place as number));
  const rows = rowsOf(text, root, open);
  expect(rows[rowAt(text, rows, place as number)]?.name).toBe('needle');
  const [value] = placesOf(text, '"x"');
  expect(rows[rowAt(text, rows, value as number)]?.name).toBe('needle');
});

test('a long list is not opened by itself, and what is short is', () => {
  const long = `{"short":{"x":1},"list":[${Array.from({ length: 500 }, (_, n) => n).join(',')}]}`;
  const node = rootOf(long) as JsonNode;
  const rows = rowsOf(long, node, openAtFirst(long, node));
  expect(rows.map((row) => row.name)).toEqual([null, 'short', 'x', 'list']);
});
