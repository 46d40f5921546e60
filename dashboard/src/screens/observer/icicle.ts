/**
 * The picture of the tree: supervisors over their children, each as wide as its share of what is measured. Boxes that would be too narrow
 * to see are drawn together as one that says how many they are, so that a picture of ten thousand actors has a few hundred boxes.
 */
import type { Actor } from './tree';

export type Measure = 'actors' | 'rate' | 'mailbox';

export interface Box {
  kind: 'actor';
  actor: Actor;
  depth: number;
  /** Shares of the width, 0 to 1. */
  left: number;
  width: number;
}

export interface Rest {
  kind: 'rest';
  /** Whose children these are, and how many are not drawn, with what is below them. */
  of: Actor;
  actors: number;
  depth: number;
  left: number;
  width: number;
}

export interface Picture {
  boxes: (Box | Rest)[];
  /** How many rows. */
  depth: number;
}

/** `smallest` is the width below which a box is not drawn by itself, as a share. */
export function icicle(top: Actor, measure: Measure, smallest: number, depthMax = 12): Picture {
  const weights = weigh(top, measure);
  const boxes: Picture['boxes'] = [];
  let depth = 0;

  const place = (actor: Actor, row: number, left: number, width: number) => {
    boxes.push({ kind: 'actor', actor, depth: row, left, width });
    depth = Math.max(depth, row + 1);
    if (row + 1 >= depthMax) return;
    const total = actor.children.reduce((sum, child) => sum + (weights.get(child) ?? 0), 0);
    if (total <= 0) return;
    let at = left;
    let rest: Rest | undefined;
    for (const child of actor.children) {
      const share = (width * (weights.get(child) ?? 0)) / total;
      if (share >= smallest) {
        rest = undefined;
        place(child, row + 1, at, share);
      } else if (rest) {
        rest.width += share;
        rest.actors += child.size;
      } else {
        rest = { kind: 'rest', of: actor, actors: child.size, depth: row + 1, left: at, width: share };
        boxes.push(rest);
        depth = Math.max(depth, row + 2);
      }
      at += share;
    }
  };
  place(top, 0, 0, 1);
  return { boxes, depth };
}

/**
 * What each actor weighs: by size its leaves; else what it and all below it measure, with a little for being there, so that what is idle
 * does not vanish.
 */
function weigh(top: Actor, measure: Measure): Map<Actor, number> {
  const weights = new Map<Actor, number>();
  const walk = (actor: Actor): number => {
    let sum = 0;
    for (const child of actor.children) sum += walk(child);
    const own =
      measure === 'actors' ? 0 : Math.max(0, (measure === 'rate' ? actor.rate : actor.mailbox) ?? 0);
    const weight = measure === 'actors' ? sum || 1 : sum + own + 0.2;
    weights.set(actor, weight);
    return weight;
  };
  walk(top);
  return weights;
}

/** Where the arrow keys lead: up to the parent, down to the first child, sideways in the row. */
export function neighbour(boxes: Box[], from: string, key: string): Box | undefined {
  const here = boxes.find((box) => box.actor.path === from);
  if (!here) return boxes[0];
  const row = boxes.filter((box) => box.depth === here.depth);
  const at = row.indexOf(here);
  switch (key) {
    case 'ArrowLeft':
      return row[at - 1];
    case 'ArrowRight':
      return row[at + 1];
    case 'ArrowUp':
      return boxes.find((box) => box.actor.path === here.actor.parent);
    case 'ArrowDown':
      return boxes.find((box) => box.actor.parent === here.actor.path);
    case 'Home':
      return boxes[0];
  }
  return undefined;
}
