import { expect, it } from 'vitest';
import { fromText, toText } from './value';

it('reads numbers, bindings, mappings and words', () => {
  expect(fromText('3')).toBe(3);
  expect(fromText('$probe.ok')).toBe('$probe.ok');
  expect(fromText('{ a: [1, x] }')).toEqual({ a: [1, 'x'] });
  expect(fromText('Restart: now')).toBe('Restart: now');
  expect(fromText('"3"')).toBe('3');
  expect(fromText('[')).toBe('[');
});

it('writes what is read as the same again', () => {
  for (const value of [
    3,
    '3',
    true,
    'true',
    null,
    'null',
    '',
    'words',
    '$a.b',
    { a: 1 },
    ['x'],
    'a: b',
    '{',
    'two\nlines',
    ' x ',
  ]) {
    expect(fromText(toText(value)), JSON.stringify(value)).toEqual(value);
  }
});
