/** The lines of a tree of JSON: those of what is open, and nothing of what is not. */
import { membersOf, sizeOf, type JsonNode } from './lex';

export interface Row {
  depth: number;
  /** The key or index that leads to it; `null` at the top. */
  name: string | null;
  isIndex: boolean;
  node: JsonNode;
  /** Whether it can be opened. */
  box: boolean;
  open: boolean;
  /** How many members it has, of a container. */
  size: number;
}

/** So many lines are opened by themselves. */
const OPEN_ROWS = 60;

/** What is open at first: the upper levels, as far as they are short. */
export function openAtFirst(text: string, root: JsonNode): Set<number> {
  const open = new Set<number>();
  let level = [root];
  let rows = 1;
  while (level.length > 0) {
    const next: JsonNode[] = [];
    for (const node of level) {
      if (node.kind !== 'object' && node.kind !== 'array') continue;
      const members = membersOf(text, node);
      if (rows + members.length > OPEN_ROWS && node !== root) continue;
      open.add(node.start);
      rows += members.length;
      next.push(...members.map((member) => member.value));
      if (rows > OPEN_ROWS) return open;
    }
    level = next;
  }
  return open;
}

export function rowsOf(text: string, root: JsonNode, open: ReadonlySet<number>): Row[] {
  const rows: Row[] = [];
  const visit = (node: JsonNode, name: string | null, isIndex: boolean, depth: number) => {
    const box = node.kind === 'object' || node.kind === 'array';
    const isOpen = box && open.has(node.start);
    rows.push({
      depth,
      name,
      isIndex,
      node,
      box,
      open: isOpen,
      // It is shown of the few rows in sight only, and costs reading through all that is in it.
      get size() {
        return box ? sizeOf(text, node) : 0;
      },
    });
    if (!isOpen) return;
    for (const { key, index, value } of membersOf(text, node)) {
      visit(value, key ?? String(index), key === null, depth + 1);
    }
  };
  visit(root, null, false, 0);
  return rows;
}

/** The containers around a place: those that have to be open for it to be seen. */
export function around(text: string, root: JsonNode, at: number): number[] {
  const found: number[] = [];
  let node: JsonNode | undefined = root;
  while (node && (node.kind === 'object' || node.kind === 'array') && node.start <= at && at < node.end) {
    found.push(node.start);
    const members = membersOf(text, node);
    node = members.find(({ value }) => value.start <= at && at < value.end)?.value;
  }
  return found;
}

/** Where a text is found, whatever its case; at most so many places. */
export function placesOf(text: string, sought: string, max = 1000): number[] {
  const places: number[] = [];
  if (sought === '') return places;
  const [hay, needle] = [text.toLowerCase(), sought.toLowerCase()];
  for (
    let at = hay.indexOf(needle);
    at >= 0 && places.length < max;
    at = hay.indexOf(needle, at + needle.length)
  ) {
    places.push(at);
  }
  return places;
}

/** The line of a place: the last one that begins at or before it. A key stands before its value. */
export function rowAt(text: string, rows: Row[], place: number): number {
  const next = rows.findIndex((row) => row.node.start > place);
  if (next < 0) return rows.length - 1;
  const row = rows[next];
  // The place is in the key of the next line when only that, and no end of something, is between them.
  const between = row ? text.slice(place, row.node.start) : '';
  return /"\s*:\s*$/.test(between) && !/[,{[\]}]/.test(between.replace(/"\s*:\s*$/, '')) ? next : next - 1;
}
