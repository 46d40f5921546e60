/** What of the canvas is in sight: where the view has to stand so that all of it is, or one step. */
import type { Direction } from '$lib/graph/layout';

export interface Area {
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface Room {
  width: number;
  height: number;
}

export interface View {
  x: number;
  y: number;
  zoom: number;
}

/** So far out nobody can read. */
const LEGIBLE = 0.45;
/** Near enough to read, when not all can be shown. */
const NEAR = 0.6;
const ZOOM_MIN = 0.05;
const ZOOM_MAX = 1.1;
/** Around it; below there are the tools. */
const [ASIDE, ABOVE, BELOW] = [45, 32, 76];

/** All in the middle. With `isLegible` the beginning alone, where all of it would be too small to read. */
export function fitted(bounds: Area, room: Room, way: Direction, isLegible: boolean): View {
  const free = { width: room.width - 2 * ASIDE, height: room.height - ABOVE - BELOW };
  const whole = Math.min(free.width / bounds.width, free.height / bounds.height, ZOOM_MAX);
  const isPart = isLegible && whole < LEGIBLE;
  const zoom = isPart ? NEAR : Math.max(whole, ZOOM_MIN);
  const middle = (size: number, of: number, before: number) => before + (of - size * zoom) / 2;
  const left = isPart && way === 'right' ? ASIDE / 2 : middle(bounds.width, free.width, ASIDE);
  const top = isPart && way === 'down' ? ABOVE : middle(bounds.height, free.height, ABOVE);
  return { x: left - bounds.x * zoom, y: top - bounds.y * zoom, zoom };
}

/** Whether all of a box can be seen, and read. */
export function isSeen(box: Area, view: View, room: Room): boolean {
  const [left, top] = [box.x * view.zoom + view.x, box.y * view.zoom + view.y];
  return (
    view.zoom >= LEGIBLE &&
    left >= 0 &&
    top >= 0 &&
    left + box.width * view.zoom <= room.width &&
    top + box.height * view.zoom <= room.height
  );
}
