/** Lists and verbs as English has them. */

/** `a`, `a and b`, `a, b and c`, `a, b, c and 4 more`. */
export function listed(words: readonly string[], max = 3): string {
  const shown = words.slice(0, max);
  const more = words.length - shown.length;
  if (more > 0) return `${shown.join(', ')} and ${more.toLocaleString('en')} more`;
  const last = shown.pop() ?? '';
  return shown.length > 0 ? `${shown.join(', ')} and ${last}` : last;
}

/** The form of a verb for so many. */
export function verb(n: number, one: string, many: string): string {
  return n === 1 ? one : many;
}
