import { expect, it } from 'vitest';
import { clockText, minutesOf } from './quiet';

it('times of the day are written and read', () => {
  expect(clockText(22 * 60 + 5)).toBe('22:05');
  expect(minutesOf('22:05')).toBe(1325);
  expect(minutesOf('07:00:00')).toBe(420);
  expect(minutesOf('24:00')).toBeNull();
  expect(minutesOf('')).toBeNull();
});
