/** The part of a graph that is shown before anybody has moved it: all of it where that can be read, else what one would look at first. */
import type { Placed } from './layout';
import { NODE_HEIGHT, NODE_WIDTH, type FlowState } from './types';

export interface Fit {
  x: number;
  y: number;
  zoom: number;
  /** All of it is in sight. */
  whole: boolean;
}

/** Smaller than this nobody can read a node: then the beginning is shown, or what was chosen. */
export const LEGIBLE = 0.3;
/** On a small screen one rather pans than guesses. */
const SMALL = 500;
const LEGIBLE_SMALL = 0.42;
/** A graph of fewer nodes is seen whole in any case where there is room. */
const FEW = 40;
/** From so many nodes on one cannot zoom out so far that all of it is drawn. */
export const VERY_MANY = 800;
/** How far one can zoom out. */
export const leastZoom = (nodes: number) => (nodes > VERY_MANY ? 0.25 : 0.08);
const CLOSE = 0.6;
const MARGIN = 24;

/** `first`: the node that is looked at where not all can be; `all`: somebody wants to see all of it, however small. */
export function fitOf(
  placed: Placed,
  room: { width: number; height: number },
  first: string | null,
  all = false,
): Fit {
  const { width, height } = room;
  const zoom = Math.min(width / (placed.width + 80), height / (placed.height + 60), 1.1);
  const least = leastZoom(placed.nodes.size);
  const isLegible = width < SMALL ? zoom >= LEGIBLE_SMALL : zoom >= LEGIBLE || placed.nodes.size < FEW;
  if (zoom >= least && (all || isLegible)) {
    return {
      x: (width - placed.width * zoom) / 2,
      y: (height - placed.height * zoom) / 2,
      zoom,
      whole: true,
    };
  }
  const at = (first && placed.nodes.get(first)) || { x: 0, y: 0 };
  const close = all ? least : CLOSE;
  return {
    x: within(width / 2 - (at.x + NODE_WIDTH / 2) * close, width - placed.width * close),
    y: within(height / 2 - (at.y + NODE_HEIGHT / 2) * close, height - placed.height * close),
    zoom: close,
    whole: false,
  };
}

/** No more than a margin of nothing beside the graph; a graph that is smaller than the view stands in its middle. */
function within(offset: number, least: number): number {
  return least > 0 ? least / 2 : Math.min(MARGIN, Math.max(least - MARGIN, offset));
}

/** What one would look at first: what was chosen, else where something is the matter, else where the tab key comes to. */
export function firstOf(
  placed: Placed,
  view: { selected: string | null; entry: string | null; states: ReadonlyMap<string, FlowState> },
): string | null {
  if (view.selected) return view.selected;
  for (const status of ['failed', 'waiting', 'running', 'retrying']) {
    for (const [id, state] of view.states) if (state.status === status && placed.nodes.has(id)) return id;
  }
  return view.entry;
}
