/** Where steps stand after an edit: what is there stays where it is, and what is new comes where there is room. */
import type { Direction } from '$lib/graph/layout';
import type { Box } from './attach';
import type { Graph, GraphNode } from './graph';
import type { Moved } from './history';
import { heightOf, NODE_WIDTH } from './size';

const ALONG = 64;
const ASIDE = 28;

/** What decides how a graph is laid out: other texts move nothing. */
export function shapeOf(graph: Graph, nodes: readonly GraphNode[] = graph.nodes): string {
  return JSON.stringify([
    nodes.map((node) => [node.id, heightOf(node, 'right'), heightOf(node, 'down')]),
    graph.edges.map((edge) => [edge.from, edge.to]),
  ]);
}

/**
 * The places of all steps of a picture that is held still; nothing when it may be laid out anew. That is a picture in which nobody has
 * moved anything, as long as steps come to it. An edge that is drawn or taken away moves nothing, nor does a step that goes.
 */
export function held(
  before: Graph,
  after: Graph,
  moved: Moved,
  standing: Moved,
  way: Direction,
): Moved | null {
  const isByHand = Object.keys(moved).length > 0;
  const known = { ...standing, ...moved };
  const old = new Set(before.nodes.map((node) => node.id));
  const added = after.nodes.filter((node) => !known[node.id] && !old.has(node.id));
  if (!isByHand && (added.length > 0 || shapeOf(before) === shapeOf(after))) return null;
  const places: Moved = {};
  for (const { id } of after.nodes) if (known[id]) places[id] = known[id];
  const was = renamed(before, after);
  for (const node of added) {
    const place = known[was.get(node.id) ?? ''];
    places[node.id] = place ?? freePlace(after, node, places, way);
  }
  return Object.keys(places).length > 0 ? places : null;
}

/** Behind what it follows, and aside until it covers nothing. */
export function freePlace(
  graph: Graph,
  node: GraphNode,
  places: Moved,
  way: Direction,
): { x: number; y: number } {
  const boxes = graph.nodes.flatMap<Box>((one) => {
    const at = places[one.id];
    return at && one.id !== node.id ? [{ ...sizeOf(one, way), ...at, id: one.id }] : [];
  });
  if (boxes.length === 0) return { x: 0, y: 0 };
  const isRight = way === 'right';
  const parents = new Set(graph.edges.filter((edge) => edge.to === node.id).map((edge) => edge.from));
  const last = farthest(
    boxes.filter((box) => parents.has(box.id)),
    isRight,
  );
  const at = last
    ? isRight
      ? { x: last.x + last.width + ALONG, y: last.y }
      : { x: last.x, y: last.y + last.height + ALONG }
    : isRight
      ? { x: Math.min(...boxes.map((box) => box.x)), y: Math.max(...boxes.map(bottom)) + ASIDE }
      : { x: Math.max(...boxes.map(right)) + ASIDE, y: Math.min(...boxes.map((box) => box.y)) };
  const size = sizeOf(node, way);
  for (let hit = covered(boxes, { ...size, ...at }); hit; hit = covered(boxes, { ...size, ...at })) {
    if (isRight) at.y = bottom(hit) + ASIDE;
    else at.x = right(hit) + ASIDE;
  }
  return at;
}

/** A step that has another id since, in its place among the others: the old id by the new one. */
function renamed(before: Graph, after: Graph): Map<string, string> {
  const names = new Map<string, string>();
  if (before.nodes.length !== after.nodes.length) return names;
  const [old, now] = [before, after].map((graph) => new Set(graph.nodes.map((node) => node.id)));
  after.nodes.forEach(({ id }, at) => {
    const was = before.nodes[at]?.id ?? id;
    if (was !== id && !old?.has(id) && !now?.has(was)) names.set(id, was);
  });
  return names;
}

function sizeOf(node: GraphNode, way: Direction): { width: number; height: number } {
  return { width: NODE_WIDTH, height: heightOf(node, way) };
}

const right = (box: Box) => box.x + box.width;
const bottom = (box: Box) => box.y + box.height;

function farthest(boxes: readonly Box[], isRight: boolean): Box | undefined {
  const end = isRight ? right : bottom;
  return boxes.reduce<Box | undefined>((far, box) => (far && end(far) >= end(box) ? far : box), undefined);
}

function covered(boxes: readonly Box[], one: Omit<Box, 'id'>): Box | undefined {
  return boxes.find(
    (box) =>
      box.x < one.x + one.width && one.x < right(box) && box.y < one.y + one.height && one.y < bottom(box),
  );
}
