/** How large nodes are drawn: known before they are, so that the layout and edges to nodes out of sight need no measuring. */
import type { Direction } from '$lib/graph/layout';
import type { GraphNode } from './graph';

export const NODE_WIDTH = 224;
const HEAD = 62;
const ROW = 26;

export function heightOf(node: GraphNode, direction: Direction): number {
  const inner =
    node.inner.length > 0 ? node.inner.length * ROW + 10 + Math.max(0, node.inner.length - 1) * 6 : 0;
  const cases = node.cases.length > 0 ? (direction === 'down' ? 1 : node.cases.length) * ROW + 6 : 0;
  return HEAD + inner + cases;
}

/** Ways stand side by side in a graph that goes down: how far right one goes out. */
export function caseX(index: number, count: number): number {
  return ((index + 0.5) * NODE_WIDTH) / count;
}

/** Else below each other: how far down one goes out. */
export function caseY(index: number): number {
  return HEAD + index * ROW + ROW / 2;
}
