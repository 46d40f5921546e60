import { expect, it } from 'vitest';
import { graphOf } from '../builder/model/graph';
import { drawn, drawnTogether } from './drawn';

const before = graphOf({
  nodes: { a: { type: 'emit', event: 'x' }, b: { type: 'emit', event: 'x', needs: ['a'] } },
});
const after = graphOf({
  nodes: { a: { type: 'emit', event: 'y' }, c: { type: 'emit', event: 'x', needs: ['a', 'a'] } },
});

it('draws one line between two steps, however often they are connected', () => {
  expect(drawn(after).edges).toHaveLength(1);
});

it('draws what is gone beside what is new, and says which is which', () => {
  const both = drawnTogether(before, after);
  expect(both.nodes.map((node) => node.id)).toEqual(['a', 'c', 'b']);
  expect(Object.fromEntries(both.diff)).toEqual({ a: 'changed', b: 'removed', c: 'added' });
  expect(both.edges.map((edge) => `${edge.from}>${edge.to}`)).toEqual(['a>c', 'a>b']);
});

it('draws a step that is called otherwise once, by the name that it has', () => {
  const other = graphOf({
    nodes: { a: { type: 'emit', event: 'x' }, c: { type: 'emit', event: 'x', needs: ['a'] } },
  });
  const both = drawnTogether(before, other);
  expect(both.nodes.map((node) => node.id)).toEqual(['a', 'c']);
  expect(Object.fromEntries(both.diff)).toEqual({ c: 'changed' });
  expect(both.edges.map((edge) => `${edge.from}>${edge.to}`)).toEqual(['a>c']);
});
