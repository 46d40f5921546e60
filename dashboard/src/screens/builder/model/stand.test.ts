import { parse } from 'yaml';
import { describe, expect, it } from 'vitest';
import { graphOf } from './graph';
import { freePlace, held } from './stand';

const graph = (nodes: string) => graphOf(parse(`{nodes: {${nodes}}}`));
const TWO = graph('a: {type: emit}, b: {type: emit}');
const TIED = graph('a: {type: emit}, b: {type: emit, needs: [a]}');
const THREE = graph('a: {type: emit}, b: {type: emit, needs: [a]}, c: {type: emit, needs: [b]}');
const STANDING = { a: { x: 0, y: 0 }, b: { x: 300, y: 0 } };

describe('a picture', () => {
  it('stays as it is when an edge is drawn or taken away', () => {
    expect(held(TWO, TIED, {}, STANDING, 'right')).toEqual(STANDING);
    expect(held(TIED, TWO, {}, STANDING, 'right')).toEqual(STANDING);
  });

  it('stays as it is when a step goes', () => {
    const standing = { ...STANDING, c: { x: 600, y: 0 } };
    expect(held(THREE, TIED, {}, standing, 'right')).toEqual(STANDING);
  });

  it('is laid out anew when a step comes and nobody has moved anything', () => {
    expect(held(TIED, THREE, {}, STANDING, 'right')).toBeNull();
  });

  it('is not held for a text that draws nothing else', () => {
    expect(
      held(TIED, graph('a: {type: emit}, b: {type: emit, needs: [a], event: x}'), {}, STANDING, 'right'),
    ).toBe(null);
  });

  it('in which something was moved keeps the rest too when a step comes', () => {
    const moved = { b: { x: 400, y: 90 } };
    expect(held(TIED, THREE, moved, STANDING, 'right')).toEqual({
      a: { x: 0, y: 0 },
      b: { x: 400, y: 90 },
      c: { x: 688, y: 90 },
    });
  });

  it('keeps the place of a step whose id is typed anew', () => {
    const other = graph('a: {type: emit}, bee: {type: emit, needs: [a]}');
    expect(held(TIED, other, STANDING, STANDING, 'right')).toEqual({ a: STANDING.a, bee: STANDING.b });
  });
});

describe('a step that is new', () => {
  it('comes behind what it follows, and aside where that is taken', () => {
    const fork = graph('a: {type: emit}, b: {type: emit, needs: [a]}, c: {type: emit, needs: [a]}');
    const c = fork.nodes[2]!;
    expect(freePlace(fork, c, { a: { x: 0, y: 0 } }, 'right')).toEqual({ x: 288, y: 0 });
    expect(freePlace(fork, c, { a: { x: 0, y: 0 }, b: { x: 300, y: 0 } }, 'right')).toEqual({
      x: 288,
      y: 90,
    });
    expect(freePlace(fork, c, { a: { x: 0, y: 0 }, b: { x: 0, y: 130 } }, 'down')).toEqual({
      x: 252,
      y: 126,
    });
  });

  it('comes beside all others when it follows none', () => {
    expect(freePlace(TWO, TWO.nodes[1]!, { a: { x: 10, y: 20 } }, 'right')).toEqual({ x: 10, y: 110 });
    expect(freePlace(TWO, TWO.nodes[1]!, { a: { x: 10, y: 20 } }, 'down')).toEqual({ x: 262, y: 20 });
    expect(freePlace(TWO, TWO.nodes[1]!, {}, 'down')).toEqual({ x: 0, y: 0 });
  });
});
