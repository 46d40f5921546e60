/** What a step that is added comes behind, and which steps nothing is connected with. */
import { closesCircle, type Graph, type GraphEdge } from './graph';

/** A way that is taken only when something failed is not where the work goes on. */
const isUsual = (edge: GraphEdge) => edge.source !== 'goto';

/** The steps after which nothing comes, without those that only a failure leads to. */
export function endsOf(graph: Graph): string[] {
  const usual = graph.edges.filter(isUsual);
  const rescued = new Set(graph.edges.filter((edge) => !isUsual(edge)).map((edge) => edge.to));
  const begins = new Set(graph.nodes.map((node) => node.id));
  for (const edge of usual) begins.delete(edge.to);
  for (const id of rescued) begins.delete(id);
  const children = new Map<string, string[]>();
  for (const edge of usual) children.set(edge.from, [...(children.get(edge.from) ?? []), edge.to]);
  const reached = new Set<string>();
  const open = [...begins];
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    if (reached.has(id)) continue;
    reached.add(id);
    open.push(...(children.get(id) ?? []));
  }
  return graph.nodes.map((node) => node.id).filter((id) => reached.has(id) && !children.has(id));
}

/**
 * What a step that is added comes behind: the one that is selected; else the one after which nothing comes, when there is one such. With
 * several ends nobody can know which is meant, and the step stays alone.
 */
export function cameAfter(graph: Graph, selected: readonly string[]): string | null {
  const [one, another] = selected;
  if (one !== undefined && another === undefined && graph.nodes.some((node) => node.id === one)) return one;
  const ends = endsOf(graph);
  return ends.length === 1 ? (ends[0] ?? null) : null;
}

/** Nothing leads to it and nothing follows, and there are others: it starts at once, beside them. */
export function isAlone(graph: Graph, id: string): boolean {
  return graph.nodes.length > 1 && !graph.edges.some((edge) => edge.from === id || edge.to === id);
}

/** What a step that stands alone would follow: the one end of all the others. */
export function couldFollow(graph: Graph, id: string): string | null {
  const others = { ...graph, nodes: graph.nodes.filter((node) => node.id !== id) };
  const ends = endsOf(others).filter((end) => !closesCircle(graph, end, id));
  return ends.length === 1 ? (ends[0] ?? null) : null;
}

export interface Box {
  id: string;
  x: number;
  y: number;
  width: number;
  height: number;
}

/** The step on which something is let go; the one that is drawn last lies above. */
export function stepAt(boxes: readonly Box[], at: { x: number; y: number }): string | null {
  const isIn = (box: Box) =>
    at.x >= box.x && at.x <= box.x + box.width && at.y >= box.y && at.y <= box.y + box.height;
  return boxes.findLast(isIn)?.id ?? null;
}
