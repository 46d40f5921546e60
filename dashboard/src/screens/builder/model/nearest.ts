/** Which node one comes to from another by an arrow key. */
export interface Box {
  id: string;
  x: number;
  y: number;
}

export type Arrow = 'ArrowLeft' | 'ArrowRight' | 'ArrowUp' | 'ArrowDown';

export function isArrow(key: string): key is Arrow {
  return key === 'ArrowLeft' || key === 'ArrowRight' || key === 'ArrowUp' || key === 'ArrowDown';
}

/** The nearest in that direction; what lies aside counts as farther away than what lies ahead. */
export function nearest(boxes: readonly Box[], from: Box, arrow: Arrow): Box | null {
  const [dx, dy] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[arrow] as [
    number,
    number,
  ];
  let best: Box | null = null;
  let least = Infinity;
  for (const box of boxes) {
    if (box.id === from.id) continue;
    const [x, y] = [box.x - from.x, box.y - from.y];
    const ahead = x * dx + y * dy;
    if (ahead <= 4) continue;
    const far = ahead + 2.5 * Math.abs(x * dy + y * dx);
    if (far < least) [best, least] = [box, far];
  }
  return best;
}
