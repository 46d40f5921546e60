import { describe, expect, it } from 'vitest';
import { hourText, labelEvery, largest, niceMax, stack, totals } from './bars';

const hour = (started: number, completed: number, failed: number, cancelled = 0) => ({
  at: '2026-01-01T13:00:00Z',
  started,
  completed,
  failed,
  cancelled,
});

describe('bars of hours', () => {
  it('have a scale that is easy to read and never too small', () => {
    expect([0, 3, 5, 11, 40, 41, 999].map(niceMax)).toEqual([4, 4, 5, 20, 40, 50, 1000]);
    for (let n = 1; n < 5000; n += 7) expect(niceMax(n)).toBeGreaterThanOrEqual(n);
  });

  it('are as high as what started or what ended, whichever is more', () => {
    expect(largest([hour(3, 1, 1, 2), hour(1, 0, 0)])).toBe(4);
    expect(largest([])).toBe(0);
  });

  it('show a failure among thousands, on top', () => {
    const segments = stack(hour(0, 9999, 1), 10_000, 100);
    expect(segments.map((one) => one.ending)).toEqual(['completed', 'failed']);
    expect(segments[1]?.height).toBe(2);
    expect(segments[1]!.y).toBeLessThan(segments[0]!.y);
  });

  it('add up to what is said beside them', () => {
    expect(totals([hour(1, 2, 3, 4), hour(1, 1, 1, 1)])).toEqual({
      started: 2,
      completed: 3,
      failed: 4,
      cancelled: 5,
    });
  });

  it('are labelled so that no two touch', () => {
    expect(labelEvery(1000, 24)).toBe(2);
    expect(labelEvery(300, 24)).toBe(6);
    expect(hourText('2026-01-01T13:00:00Z', 'utc')).toBe('13:00');
  });
});
