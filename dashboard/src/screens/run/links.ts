/** Lines of the timeline from what a row depends on to it, and from it to what depends on it, as far as both are drawn. */
import type { GanttRow } from './gantt';

export function linksOf(
  path: string,
  rows: readonly GanttRow[],
  x: (time: number) => number,
  rowHeight: number,
): string[] {
  const index = new Map(rows.map((row, at) => [row.path, at] as const));
  const pairs = [
    ...(rows[index.get(path) ?? -1]?.step.needs ?? []).map((need) => [need, path] as const),
    ...rows.filter((row) => row.step.needs.includes(path)).map((row) => [path, row.path] as const),
  ];
  return pairs.flatMap(([from, to]) => {
    const [a, b] = [index.get(from), index.get(to)];
    const [left, right] = [rows[a ?? -1], rows[b ?? -1]];
    if (a === undefined || b === undefined || !left || !right) return [];
    const start = right.parts.find((part) => part.kind !== 'queue')?.from ?? right.from;
    const [x0, y0, x1, y1] = [x(left.to), (a + 0.5) * rowHeight, x(start), (b + 0.5) * rowHeight];
    const bend = Math.max(10, (x1 - x0) / 2);
    return [`M${x0},${y0} C${x0 + bend},${y0} ${x1 - bend},${y1} ${x1},${y1}`];
  });
}
