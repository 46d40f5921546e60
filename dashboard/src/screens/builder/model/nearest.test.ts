import { expect, it } from 'vitest';
import { nearest } from './nearest';

const at = (id: string, x: number, y: number) => ({ id, x, y });
const boxes = [at('a', 0, 0), at('b', 300, 10), at('c', 300, 200), at('d', 600, 0)];
const go = (from: string, arrow: 'ArrowLeft' | 'ArrowRight' | 'ArrowUp' | 'ArrowDown') => {
  const box = boxes.find((one) => one.id === from);
  return box ? (nearest(boxes, box, arrow)?.id ?? null) : null;
};

it('goes to what lies ahead rather than aside', () => {
  expect(go('a', 'ArrowRight')).toBe('b');
  expect(go('b', 'ArrowRight')).toBe('d');
  expect(go('b', 'ArrowDown')).toBe('c');
  expect(go('c', 'ArrowUp')).toBe('b');
});

it('goes nowhere where nothing is', () => expect(go('a', 'ArrowLeft')).toBeNull());
