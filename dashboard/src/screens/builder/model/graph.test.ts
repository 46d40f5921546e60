import { parse } from 'yaml';
import { describe, expect, it } from 'vitest';
import { closesCircle, graphOf, upstream } from './graph';

const graph = (text: string) => graphOf(parse(text));
const lines = (text: string) =>
  graph(text).edges.map(
    (edge) => `${edge.from}>${edge.to} ${edge.kind} ${edge.source}${edge.label ? ` ${edge.label}` : ''}`,
  );

describe('edges', () => {
  it('come from every way of writing them', () => {
    expect(
      lines(`
nodes:
  a: { type: emit, event: x, on_error: { goto: g } }
  b: { type: emit, needs: [a, { node: c, kind: soft }] }
  c: { type: condition, cases: [{ when: a.n > 1, to: [d] }, { else: true, to: [e] }] }
  d: { type: parallel, branches: { left: [e, f] } }
  e: {}
  f: {}
  g: {}
edges: [{ from: f, to: g, kind: optional, when: f.ok }]
chain: [[a, c], [f, d]]
`),
    ).toEqual([
      'a>g hard goto on error',
      'a>b hard needs',
      'c>b soft needs',
      'c>d hard cases a.n > 1',
      'c>e hard cases else',
      'd>e hard branches left',
      'e>f hard branches',
      'f>g optional edges f.ok',
      'a>c hard chain',
      'f>d hard chain',
    ]);
  });

  it('of a flat chain follow each other', () => {
    expect(lines('{nodes: {a: {}, b: {}, c: {}}, chain: [a, b, c]}')).toEqual([
      'a>b hard chain',
      'b>c hard chain',
    ]);
  });

  it('to what is not there are told apart', () => {
    const { edges, missing } = graph('{nodes: {a: {needs: [gone]}}}');
    expect(edges).toEqual([]);
    expect(missing).toEqual([{ from: 'gone', to: 'a' }]);
  });

  it('that are written twice have ids of their own', () => {
    const ids = graph('{nodes: {a: {}, b: {needs: [a, a]}}}').edges.map((edge) => edge.id);
    expect(new Set(ids).size).toBe(2);
  });

  it('know where they stand in the document', () => {
    const [edge] = graph('{nodes: {a: {}, c: {type: condition, cases: [{else: true, to: [a]}]}}}').edges;
    expect(edge?.path).toEqual(['nodes', 'c', 'cases', 0, 'to', 0]);
  });
});

it('shows what stands inside of maps and loops', () => {
  const [node] = graph(
    '{nodes: {m: {type: map, over: $input.x, node: {type: loop, until: "true", node: {type: agent_call, agent: editor}}}}}',
  ).nodes;
  expect(node?.inner).toEqual([
    { type: 'loop', summary: 'until true', path: ['nodes', 'm', 'node'] },
    { type: 'agent_call', summary: 'editor', path: ['nodes', 'm', 'node', 'node'] },
  ]);
});

it('reads anything without falling over', () => {
  for (const odd of [
    null,
    1,
    'x',
    [],
    { nodes: [] },
    {
      nodes: { a: null, b: 'x', c: [1], d: { needs: 'a', cases: [1], branches: [], on_error: { goto: 3 } } },
      edges: [1],
      chain: 'x',
    },
  ]) {
    expect(() => graphOf(odd)).not.toThrow();
  }
});

it('knows what comes before a step', () => {
  const of = graph('{nodes: {a: {}, b: {needs: [a]}, c: {needs: [b]}, d: {}}}');
  expect(upstream(of, 'c')).toEqual(['a', 'b']);
  expect(closesCircle(of, 'c', 'a')).toBe(true);
  expect(closesCircle(of, 'a', 'd')).toBe(false);
});
