import { expect, test } from 'vitest';
import { fitsDoubles } from './doubles';

test('numbers that people and programs write are kept', () => {
  for (const text of [
    '0',
    '-0.0',
    '1.0',
    '{"a":[1,2.50,-3e8]}',
    '0.30000000000000004',
    '18446744073709551616',
  ])
    expect(fitsDoubles(text), text).toBe(true);
});

test('an id of many digits is not, nor what is too large or too small', () => {
  for (const text of [
    '12345678901234567890',
    '{"id":9007199254740993}',
    '1e999',
    '1e-999',
    '0.12345678901234567891',
  ])
    expect(fitsDoubles(text), text).toBe(false);
});

test('digits in a text are no numbers', () => {
  expect(fitsDoubles('{"12345678901234567890":"a \\" 12345678901234567890"}')).toBe(true);
});
