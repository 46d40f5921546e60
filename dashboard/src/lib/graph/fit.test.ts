import { expect, test } from 'vitest';
import { firstOf, fitOf } from './fit';
import type { Placed } from './layout';
import { NODE_HEIGHT, NODE_WIDTH, type FlowState } from './types';

/** So many nodes in a line. */
function line(count: number): Placed {
  const names = Array.from({ length: count }, (_, at) => `n${at}`);
  return {
    nodes: new Map(names.map((name, at) => [name, { x: at * (NODE_WIDTH + 48), y: 0 }])),
    width: count * (NODE_WIDTH + 48) - 48,
    height: NODE_HEIGHT,
  };
}
const PHONE = { width: 330, height: 280 };
const SCREEN = { width: 1100, height: 380 };

test('a graph that can be read is shown whole, in the middle', () => {
  const fit = fitOf(line(3), SCREEN, null);
  expect(fit.whole).toBe(true);
  expect(fit.x * 2 + line(3).width * fit.zoom).toBeCloseTo(SCREEN.width);
});

test('on a phone a part that can be read is shown, about what one would look at first', () => {
  const fit = fitOf(line(7), PHONE, 'n4');
  expect(fit.whole).toBe(false);
  const middle = fit.x + (4 * (NODE_WIDTH + 48) + NODE_WIDTH / 2) * fit.zoom;
  expect(middle).toBeCloseTo(PHONE.width / 2);
});

test('who wants to see all of it does, however small', () => {
  const fit = fitOf(line(7), PHONE, 'n4', true);
  expect(fit.whole).toBe(true);
  expect(line(7).width * fit.zoom).toBeLessThanOrEqual(PHONE.width);
  // Of very many nodes not all are drawn at once.
  expect(fitOf(line(1000), SCREEN, null, true)).toMatchObject({ whole: false, zoom: 0.25 });
});

test('what was chosen is looked at first, then what failed, then where one begins', () => {
  const states = new Map([['n1', { status: 'failed' } as FlowState]]);
  expect(firstOf(line(3), { selected: 'n2', entry: 'n0', states })).toBe('n2');
  expect(firstOf(line(3), { selected: null, entry: 'n0', states })).toBe('n1');
  expect(firstOf(line(3), { selected: null, entry: 'n0', states: new Map() })).toBe('n0');
});
