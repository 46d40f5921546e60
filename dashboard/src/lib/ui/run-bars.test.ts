import { expect, it } from 'vitest';
import { barHeights, inWords } from './run-bars';

const run = (status: string, seconds: number | null) => ({
  id: String(Math.random()),
  status,
  created_at: '2026-01-01T00:00:00Z',
  ended_at: seconds === null ? null : new Date(Date.UTC(2026, 0, 1, 0, 0, seconds)).toISOString(),
});

it('says how many runs ended how', () => {
  const runs = [run('completed', 1), run('failed', 2), run('completed', 3)];
  expect(inWords(runs)).toBe('Last 3 runs: 2 completed, 1 failed');
  expect(inWords([])).toBe('No runs yet');
});

it('draws the longest run highest, and none so low that it is not seen', () => {
  const [short, long] = barHeights([run('completed', 0), run('completed', 100)], 0);
  expect(long?.share).toBe(1);
  expect(short?.share).toBeGreaterThan(0.2);
});

it('counts a run that goes on up to now', () => {
  const [open] = barHeights([run('running', null)], Date.UTC(2026, 0, 1, 0, 1));
  expect(open?.ms).toBe(60_000);
});
