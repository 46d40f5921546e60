/** Which lines of two texts are the same (Myers, "An O(ND) Difference Algorithm", 1986). */

export interface DiffLine {
  kind: 'same' | 'removed' | 'added';
  text: string;
  /** Line numbers from 1, on the side where it stands. */
  before?: number;
  after?: number;
}

/** So many edits are looked for; texts that differ more are shown as one block that goes and one that comes. */
const EDITS_MAX = 600;

export function diffLines(before: string, after: string): DiffLine[] {
  const [a, b] = [before.split('\n'), after.split('\n')];
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head += 1;
  let tail = 0;
  while (
    tail < a.length - head &&
    tail < b.length - head &&
    a[a.length - 1 - tail] === b[b.length - 1 - tail]
  ) {
    tail += 1;
  }
  const middle = edits(a.slice(head, a.length - tail), b.slice(head, b.length - tail));
  const kinds: DiffLine['kind'][] = [
    ...Array<'same'>(head).fill('same'),
    ...middle,
    ...Array<'same'>(tail).fill('same'),
  ];
  let [x, y] = [0, 0];
  return kinds.map((kind) => {
    if (kind === 'removed') return { kind, text: a[x] ?? '', before: ++x };
    if (kind === 'added') return { kind, text: b[y] ?? '', after: ++y };
    return { kind, text: a[x] ?? '', before: ++x, after: ++y };
  });
}

function edits(a: string[], b: string[]): DiffLine['kind'][] {
  const max = Math.min(a.length + b.length, EDITS_MAX);
  const trail: Map<number, number>[] = [];
  let furthest = new Map([[1, 0]]);
  for (let d = 0; d <= max; d += 1) {
    trail.push(new Map(furthest));
    for (let k = -d; k <= d; k += 2) {
      const down = k === -d || (k !== d && at(furthest, k - 1) < at(furthest, k + 1));
      let x = down ? at(furthest, k + 1) : at(furthest, k - 1) + 1;
      let y = x - k;
      while (x < a.length && y < b.length && a[x] === b[y]) [x, y] = [x + 1, y + 1];
      furthest.set(k, x);
      if (x >= a.length && y >= b.length) return back(trail, a.length, b.length);
    }
    furthest = new Map(furthest);
  }
  return [...Array<'removed'>(a.length).fill('removed'), ...Array<'added'>(b.length).fill('added')];
}

function back(trail: Map<number, number>[], ax: number, by: number): DiffLine['kind'][] {
  const kinds: DiffLine['kind'][] = [];
  let [x, y] = [ax, by];
  for (let d = trail.length - 1; d >= 0; d -= 1) {
    const furthest = trail[d] ?? new Map<number, number>();
    const k = x - y;
    const down = k === -d || (k !== d && at(furthest, k - 1) < at(furthest, k + 1));
    const from = down ? k + 1 : k - 1;
    const px = at(furthest, from);
    const py = px - from;
    while (x > px && y > py && x > 0 && y > 0) {
      kinds.push('same');
      [x, y] = [x - 1, y - 1];
    }
    if (d > 0) kinds.push(down ? 'added' : 'removed');
    [x, y] = [px, py];
  }
  return kinds.reverse();
}

function at(furthest: Map<number, number>, k: number): number {
  return furthest.get(k) ?? -1;
}
