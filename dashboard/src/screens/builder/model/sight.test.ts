import { describe, expect, it } from 'vitest';
import { fitted, isSeen } from './sight';

const room = { width: 1000, height: 600 };

describe('what is shown', () => {
  it('is all of it, in the middle, and above the tools', () => {
    const view = fitted({ x: -50, y: 0, width: 1820, height: 400 }, room, 'right', true);
    expect(view.zoom).toBe(0.5);
    expect(view.x + -50 * view.zoom).toBe(45);
    expect(view.y).toBe(32 + (492 - 200) / 2);
  });

  it('is not blown up when it is small', () => {
    expect(fitted({ x: 0, y: 0, width: 100, height: 60 }, room, 'right', true).zoom).toBe(1.1);
  });

  it('is the beginning when all of it could not be read, unless all of it was asked for', () => {
    const long = { x: 10, y: 0, width: 20_000, height: 400 };
    const beginning = fitted(long, room, 'right', true);
    expect(beginning.zoom).toBe(0.6);
    expect(beginning.x + 10 * beginning.zoom).toBeCloseTo(22.5);
    expect(fitted(long, room, 'right', false).zoom).toBeLessThan(0.06);
  });
});

it('knows whether a step can be seen and read', () => {
  const box = { x: 100, y: 100, width: 200, height: 60 };
  expect(isSeen(box, { x: 0, y: 0, zoom: 1 }, room)).toBe(true);
  expect(isSeen(box, { x: 800, y: 0, zoom: 1 }, room)).toBe(false);
  expect(isSeen(box, { x: 0, y: 0, zoom: 0.2 }, room)).toBe(false);
});
