/** What a key means on the canvas. */
import { isArrow, type Arrow } from './nearest';

export type Meaning =
  | { does: 'go' | 'move'; arrow: Arrow }
  | { does: 'open' | 'remove' | 'duplicate' | 'everything' | 'nothing' };

type Pressed = Pick<KeyboardEvent, 'key' | 'altKey' | 'ctrlKey' | 'metaKey' | 'shiftKey'>;

export function meaningOf(event: Pressed): Meaning | null {
  if (event.altKey) return null;
  const { key } = event;
  if (event.ctrlKey || event.metaKey) {
    if (key.toLowerCase() === 'd') return { does: 'duplicate' };
    return key.toLowerCase() === 'a' ? { does: 'everything' } : null;
  }
  if (isArrow(key)) return { does: event.shiftKey ? 'move' : 'go', arrow: key };
  if (key === 'Delete' || key === 'Backspace') return { does: 'remove' };
  if (key === 'Enter') return { does: 'open' };
  return key === 'Escape' ? { does: 'nothing' } : null;
}

/** So far an arrow key moves steps. */
const STEP = 20;

export function offsetOf(arrow: Arrow): { x: number; y: number } {
  const far = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };
  const [x, y] = far[arrow] as [number, number];
  return { x, y };
}
