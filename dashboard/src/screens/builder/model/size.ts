/** How large nodes are drawn: known before they are, so that the layout and edges to nodes out of sight need no measuring. */
import type { GraphNode } from './graph';

export const NODE_WIDTH = 224;
const HEAD = 62;
const ROW = 26;

export function heightOf(node: GraphNode): number {
  const inner = node.inner.length > 0 ? node.inner.length * ROW + 10 + Math.max(0, node.inner.length - 1) * 6 : 0;
  const cases = node.cases.length > 0 ? node.cases.length * ROW + 6 : 0;
  return HEAD + inner + cases;
}

/** How far down the way of a case goes out. */
export function caseY(index: number): number {
  return HEAD + index * ROW + ROW / 2;
}
