/** Rows are taller where one points with a finger. */
const coarse = globalThis.matchMedia?.('(pointer: coarse)').matches ?? false;

export function rowHeight(fine: number): number {
  return coarse ? Math.max(fine, 42) : fine;
}
