/** Paths of steps: `each.2` is the third item of `each`, `better.1` a pass of a loop, `pay.compensate` what makes `pay` good. */

/** The node of the plan that a step belongs to. */
export function nodeOf(path: string): string {
  const dot = path.indexOf('.');
  return dot < 0 ? path : path.slice(0, dot);
}

/** What a step is an item or pass of; `null` at the top. */
export function ownerOf(path: string): string | null {
  const dot = path.lastIndexOf('.');
  return dot < 0 ? null : path.slice(0, dot);
}

/** Whether it is an item or a pass, and not something that belongs to a step otherwise. */
export function isItem(path: string): boolean {
  const dot = path.lastIndexOf('.');
  return dot >= 0 && isNumber(path, dot + 1);
}

/** Whether digits stand from there to the end, and at least one. Asked of each of many thousand steps: no expression, no slice. */
function isNumber(path: string, from: number): boolean {
  for (let at = from; at < path.length; at += 1) {
    const code = path.charCodeAt(at);
    if (code < 48 || code > 57) return false;
  }
  return from < path.length;
}

/** Whether all that a step stands in is open. */
export function isWithin(path: string, open: ReadonlySet<string>): boolean {
  for (let dot = path.lastIndexOf('.'); dot >= 0; dot = path.lastIndexOf('.', dot - 1)) {
    if (open.size === 0 || !open.has(path.slice(0, dot))) return false;
  }
  return true;
}

/** How people read it: `each[2]`, `each[2][0]`, `pay · compensate`. */
export function said(path: string): string {
  const [first = '', ...rest] = path.split('.');
  return rest.reduce((text, part) => (/^\d+$/.test(part) ? `${text}[${part}]` : `${text} · ${part}`), first);
}

/** By node as the plan lists them, and items by their number. Each path is taken apart once, since there may be many thousands. */
export function sortedPaths(paths: Iterable<string>, order: ReadonlyMap<string, number>): string[] {
  const keyed = [...paths].map((path) => ({
    path,
    place: order.get(nodeOf(path)) ?? Number.MAX_SAFE_INTEGER,
    parts: path.split('.'),
  }));
  keyed.sort((a, b) => a.place - b.place || compareParts(a.parts, b.parts));
  return keyed.map(({ path }) => path);
}

function compareParts(left: string[], right: string[]): number {
  for (let at = 0; at < Math.max(left.length, right.length); at += 1) {
    const [x, y] = [left[at], right[at]];
    if (x === undefined) return -1;
    if (y === undefined) return 1;
    if (x === y) continue;
    const [m, n] = [Number(x), Number(y)];
    return Number.isNaN(m) || Number.isNaN(n) ? x.localeCompare(y) : m - n;
  }
  return 0;
}
