import { expect, test } from 'vitest';
import { newStep } from './fold';
import type { GanttRow } from './gantt';
import { linksOf } from './links';

const row = (path: string, from: number, to: number, needs: string[] = []): GanttRow => ({
  path,
  step: { ...newStep(path), needs },
  depth: 0,
  from,
  to,
  parts: [],
  totals: { queue: 0, run: 0, retry: 0, approval: 0, wait: 0 },
});
const rows = [row('a', 0, 10), row('b', 10, 20, ['a']), row('c', 20, 30, ['b', 'gone'])];

test('lines lead to a row and away from it, where both ends are drawn', () => {
  const links = linksOf('b', rows, (time) => time, 30);
  expect(links).toHaveLength(2);
  expect(links[0]).toMatch(/^M10,15 /);
  expect(links[1]).toMatch(/ 20,75$/);
  expect(linksOf('c', rows, (time) => time, 30)).toHaveLength(1);
});
