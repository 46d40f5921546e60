/**
 * A layout that costs next to nothing, for graphs on which the better one would take seconds: one column for each level, nodes near
 * to what they depend on, and levels of very many nodes broken into several columns.
 */
import type { Direction, LayoutEdge, LayoutNode, Placed } from './layout';

const GAP_ALONG = 48;
const GAP_ACROSS = 28;
/** A level of more nodes than this is broken. */
const COLUMN_MAX = 40;

export function layoutByLevels(nodes: LayoutNode[], edges: LayoutEdge[], direction: Direction): Placed {
  const levels = levelsOf(nodes, edges);
  const columns = order(levels, nodes, edges).flatMap(broken);
  const right = direction === 'right';
  const along = Math.max(0, ...nodes.map((node) => (right ? node.width : node.height)));
  const across = Math.max(0, ...nodes.map((node) => (right ? node.height : node.width)));
  const tallest = Math.max(0, ...columns.map((column) => column.ids.length));
  const places = new Map<string, { x: number; y: number }>();
  let at = 0;
  columns.forEach(({ ids, opens }, index) => {
    if (index > 0) at += along + (opens ? GAP_ALONG : GAP_ACROSS);
    const start = ((tallest - ids.length) * (across + GAP_ACROSS)) / 2;
    ids.forEach((id, row) => {
      const off = start + row * (across + GAP_ACROSS);
      places.set(id, right ? { x: at, y: off } : { x: off, y: at });
    });
  });
  const length = columns.length === 0 ? 0 : at + along;
  const breadth = tallest === 0 ? 0 : tallest * (across + GAP_ACROSS) - GAP_ACROSS;
  return { nodes: places, width: right ? length : breadth, height: right ? breadth : length };
}

/** How many levels a graph has, and how many nodes the widest one. */
export function extent(ids: string[], edges: LayoutEdge[]): { levels: number; widest: number } {
  const levels = levelsOf(
    ids.map((id) => ({ id, width: 0, height: 0 })),
    edges,
  );
  return { levels: levels.length, widest: Math.max(0, ...levels.map((level) => level.length)) };
}

/** Ids by the length of the longest path to them. What is on a circle, which no plan has, comes last. */
function levelsOf(nodes: LayoutNode[], edges: LayoutEdge[]): string[][] {
  const children = new Map(nodes.map((node) => [node.id, [] as string[]]));
  const missing = new Map(nodes.map((node) => [node.id, 0]));
  for (const { source, target } of edges) {
    const known = children.get(source);
    if (!known || !missing.has(target)) continue;
    known.push(target);
    missing.set(target, (missing.get(target) ?? 0) + 1);
  }
  const levels: string[][] = [];
  let open = nodes.filter((node) => missing.get(node.id) === 0).map((node) => node.id);
  const placed = new Set<string>();
  while (open.length > 0) {
    levels.push(open);
    const next: string[] = [];
    for (const id of open) {
      placed.add(id);
      for (const child of children.get(id) ?? []) {
        const left = (missing.get(child) ?? 0) - 1;
        missing.set(child, left);
        if (left === 0) next.push(child);
      }
    }
    open = next;
  }
  const rest = nodes.filter((node) => !placed.has(node.id)).map((node) => node.id);
  if (rest.length > 0) levels.push(rest);
  return levels;
}

/** Each level by where its parents stand, so that edges cross less. */
function order(levels: string[][], nodes: LayoutNode[], edges: LayoutEdge[]): string[][] {
  const parents = new Map(nodes.map((node) => [node.id, [] as string[]]));
  for (const { source, target } of edges) parents.get(target)?.push(source);
  const rank = new Map<string, number>();
  return levels.map((level) => {
    const weighed = level.map((id, at) => {
      const ranks = (parents.get(id) ?? []).map((parent) => rank.get(parent)).filter((r) => r !== undefined);
      const mean = ranks.length === 0 ? at / level.length : ranks.reduce((a, b) => a + b, 0) / ranks.length;
      return { id, mean };
    });
    const sorted = weighed.sort((a, b) => a.mean - b.mean).map(({ id }) => id);
    sorted.forEach((id, at) => rank.set(id, (at + 0.5) / sorted.length));
    return sorted;
  });
}

function broken(level: string[]): { ids: string[]; opens: boolean }[] {
  const count = Math.ceil(level.length / COLUMN_MAX);
  const size = Math.ceil(level.length / Math.max(1, count));
  return Array.from({ length: count }, (_, at) => ({
    ids: level.slice(at * size, (at + 1) * size),
    opens: at === 0,
  }));
}
