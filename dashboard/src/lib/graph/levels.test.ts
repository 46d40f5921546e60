import { expect, test } from 'vitest';
import { extent, layoutByLevels } from './levels';

const node = (id: string) => ({ id, width: 100, height: 50 });
const edge = (source: string, target: string) => ({ id: `${source}-${target}`, source, target });

/** S3-9e */
test('what depends on something stands to the right of it', () => {
  const placed = layoutByLevels([node('b'), node('a'), node('c')], [edge('a', 'b'), edge('b', 'c')], 'right');
  const x = (id: string) => placed.nodes.get(id)?.x ?? NaN;
  expect(x('a')).toBeLessThan(x('b'));
  expect(x('b')).toBeLessThan(x('c'));
  expect(placed.width).toBe(3 * 100 + 2 * 48);
});

test('no two nodes stand on each other, also on a level of thousands', () => {
  const nodes = ['root', ...Array.from({ length: 5000 }, (_, at) => `n${at}`)];
  const placed = layoutByLevels(
    nodes.map(node),
    nodes.slice(1).map((id) => edge('root', id)),
    'right',
  );
  const places = new Set([...placed.nodes.values()].map(({ x, y }) => `${x}/${y}`));
  expect(places.size).toBe(nodes.length);
  expect(placed.height).toBeLessThan(5000);
});

test('a circle is placed all the same', () => {
  const placed = layoutByLevels([node('a'), node('b')], [edge('a', 'b'), edge('b', 'a')], 'down');
  expect(placed.nodes.size).toBe(2);
});

test('how long and wide a graph is', () => {
  expect(extent(['a', 'b', 'c'], [edge('a', 'b'), edge('a', 'c')])).toEqual({ levels: 2, widest: 2 });
});
