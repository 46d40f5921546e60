/** The one range in which two texts differ: what is outside of it keeps its cursor, folds and marks. */
export function changeBetween(a: string, b: string): { from: number; to: number; insert: string } | null {
  if (a === b) return null;
  const least = Math.min(a.length, b.length);
  let start = 0;
  while (start < least && a.charCodeAt(start) === b.charCodeAt(start)) start += 1;
  let end = 0;
  while (end < least - start && a.charCodeAt(a.length - 1 - end) === b.charCodeAt(b.length - 1 - end))
    end += 1;
  return { from: start, to: a.length - end, insert: b.slice(start, b.length - end) };
}
