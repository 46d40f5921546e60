import { describe, expect, it } from 'vitest';
import { absolute, bytes, count, duration, percent, plural, relative, shortId } from './format';

function check<T>(say: (value: T) => string, cases: [T, string][]) {
  for (const [value, text] of cases) expect(say(value), String(value)).toBe(text);
}

const S = 1_000;
const MIN = 60 * S;
const H = 60 * MIN;
const D = 24 * H;

describe('a duration', () => {
  it('has the two largest units that matter', () => {
    check(duration, [
      [0, '< 1 ms'],
      [0.4, '< 1 ms'],
      [1, '1 ms'],
      [840, '840 ms'],
      [2_400, '2.4 s'],
      [12 * S, '12 s'],
      [3 * MIN + 20 * S, '3 min 20 s'],
      [5 * MIN, '5 min'],
      [2 * H + 5 * MIN, '2 h 5 min'],
      [4 * D + 3 * H, '4 d 3 h'],
    ]);
  });

  it('never says sixty of a unit', () => {
    check(duration, [
      [9_949, '9.9 s'],
      [9_990, '10 s'],
      [59_400, '59 s'],
      [59_600, '1 min'],
      [H - 400, '1 h'],
      [H - 29 * S, '59 min 31 s'],
      [D - 20 * S, '1 d'],
    ]);
  });

  it('that is not known is a dash', () => {
    check(duration, [
      [null, '–'],
      [undefined, '–'],
      [Number.NaN, '–'],
      [Number.POSITIVE_INFINITY, '–'],
    ]);
  });
});

describe('how long ago something was', () => {
  const now = Date.UTC(2026, 10, 20, 12);
  it('is said in one unit, and so is what is to come', () => {
    check(
      (ms: number) => relative(now + ms, now),
      [
        [-500, 'just now'],
        [500, 'now'],
        [-12 * S, '12 s ago'],
        [3 * MIN, 'in 3 min'],
        [-119 * MIN, '1 h ago'],
        [-50 * H, '2 d ago'],
      ],
    );
    expect(relative('nonsense', now)).toBe('–');
  });

  it('is said exactly in the zone that was chosen', () => {
    expect(absolute('2026-11-20T12:00:00Z', 'utc')).toMatch(/2026.*12:00:00.*UTC$/);
    expect(absolute('2026-11-20T12:00:00Z', 'local')).not.toMatch(/UTC$/);
    expect(absolute('nonsense', 'utc')).toBe('–');
  });
});

describe('numbers', () => {
  it('are whole up to a hundred thousand', () => {
    check(count, [
      [0, '0'],
      [1204, '1,204'],
      [99_999, '99,999'],
      [1_200_000, '1.2M'],
    ]);
  });

  it('of bytes have their unit', () => {
    check(bytes, [
      [0, '0 B'],
      [1023, '1023 B'],
      [1024, '1.0 KiB'],
      [13_000_000, '12.4 MiB'],
      [200 * 1024 ** 3, '200 GiB'],
      [5 * 1024 ** 4, '5.0 TiB'],
    ]);
  });

  it('of what goes on never say that all is done', () => {
    check(percent, [
      [0, '0 %'],
      [0.42, '42 %'],
      [0.999, '99 %'],
      [1, '100 %'],
      [1.2, '100 %'],
    ]);
  });

  it('go with their noun', () => {
    expect([plural(1, 'run'), plural(0, 'run'), plural(2, 'reply', 'replies')]).toEqual([
      '1 run',
      '0 runs',
      '2 replies',
    ]);
  });

  it('of long ids are cut to the part that tells them apart', () => {
    expect(shortId('01980c2a-77e1-7c50-8b1a-3f0e9a7d5c21')).toBe('9a7d5c21');
    expect(shortId('short')).toBe('short');
  });
});
