/** Brings two edits of the same text together, line by line. Where both have changed the same lines, ours are kept and counted. */

export interface Merged {
  text: string;
  /** Places that both have changed, each in another way. */
  conflicts: number;
  /** Places of the other that were taken over. */
  taken: number;
}

interface Hunk {
  /** Lines of the base that are replaced: from, to (exclusive). */
  from: number;
  to: number;
  lines: string[];
}

export function merge(base: string, ours: string, theirs: string): Merged {
  const lines = base.split('\n');
  const [mine, other] = [hunks(lines, ours.split('\n')), hunks(lines, theirs.split('\n'))];
  const out: string[] = [];
  let [at, conflicts, taken] = [0, 0, 0];
  while (mine.length > 0 || other.length > 0) {
    const [a, b] = [mine[0], other[0]];
    if (a && b && touches(a, b)) {
      mine.shift();
      other.shift();
      // What overlaps with either belongs to the same place.
      const [left, right] = grown(a, b, mine, other, lines);
      out.push(...lines.slice(at, left.from), ...left.lines);
      if (left.lines.join('\n') !== right.lines.join('\n')) conflicts += 1;
      at = left.to;
      continue;
    }
    const next = !b || (a && a.from < b.from) ? mine.shift() : other.shift();
    if (!next) break;
    if (next === b) taken += 1;
    out.push(...lines.slice(at, next.from), ...next.lines);
    at = next.to;
  }
  return { text: [...out, ...lines.slice(at)].join('\n'), conflicts, taken };
}

function grown(a: Hunk, b: Hunk, mine: Hunk[], other: Hunk[], base: string[]): [Hunk, Hunk] {
  let from = Math.min(a.from, b.from);
  let to = Math.max(a.to, b.to);
  const [left, right] = [[a], [b]];
  for (let more = true; more;) {
    more = false;
    for (const [queue, side] of [
      [mine, left],
      [other, right],
    ] as const) {
      const next = queue[0];
      if (next && next.from <= to) {
        queue.shift();
        side.push(next);
        to = Math.max(to, next.to);
        more = true;
      }
    }
  }
  from = Math.min(from, ...left.map((one) => one.from), ...right.map((one) => one.from));
  return [over(from, to, left, base), over(from, to, right, base)];
}

/** The lines from one place to another as one side has them. */
function over(from: number, to: number, side: Hunk[], base: string[]): Hunk {
  const lines: string[] = [];
  let at = from;
  for (const hunk of side) {
    lines.push(...base.slice(at, hunk.from), ...hunk.lines);
    at = hunk.to;
  }
  lines.push(...base.slice(at, to));
  return { from, to, lines };
}

function touches(a: Hunk, b: Hunk): boolean {
  return a.from <= b.to && b.from <= a.to;
}

/** What to replace in `a` to get `b`. */
export function hunks(a: readonly string[], b: readonly string[]): Hunk[] {
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start += 1;
  let [endA, endB] = [a.length, b.length];
  while (endA > start && endB > start && a[endA - 1] === b[endB - 1]) {
    endA -= 1;
    endB -= 1;
  }
  const [midA, midB] = [a.slice(start, endA), b.slice(start, endB)];
  if (midA.length === 0 && midB.length === 0) return [];
  // Too large a difference to be looked into: one hunk.
  if (midA.length * midB.length > 4_000_000) return [{ from: start, to: endA, lines: midB }];
  return inner(midA, midB).map((hunk) => ({ ...hunk, from: hunk.from + start, to: hunk.to + start }));
}

/** By the longest common subsequence. */
function inner(a: readonly string[], b: readonly string[]): Hunk[] {
  const width = b.length + 1;
  const table = new Uint32Array((a.length + 1) * width);
  const cell = (i: number, j: number) => table[i * width + j] as number;
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) {
      table[i * width + j] =
        a[i] === b[j] ? cell(i + 1, j + 1) + 1 : Math.max(cell(i + 1, j), cell(i, j + 1));
    }
  }
  const found: Hunk[] = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      i += 1;
      j += 1;
      continue;
    }
    const [from, first] = [i, j];
    while ((i < a.length || j < b.length) && !(i < a.length && j < b.length && a[i] === b[j])) {
      if (j < b.length && (i === a.length || cell(i, j + 1) >= cell(i + 1, j))) j += 1;
      else i += 1;
    }
    found.push({ from, to: i, lines: b.slice(first, j) });
  }
  return found;
}
