import { expect, test } from 'vitest';
import { graphOfPlan } from './plan';

const estimate = { p50_ms: 1, p90_ms: 2, tokens: 0 };
const planned = (id: string, needs: string[], agent?: string) => ({
  id,
  needs,
  agent: agent ?? null,
  level: 0,
  critical: false,
  estimate,
});

test('a plan alone gives nodes and edges without words', () => {
  const graph = graphOfPlan({ nodes: [planned('a', [], 'probe'), planned('b', ['a'])] });
  expect(graph.nodes.map((node) => [node.id, node.detail])).toEqual([
    ['a', 'probe'],
    ['b', undefined],
  ]);
  expect(graph.edges).toEqual([{ from: 'a', to: 'b' }]);
});

test('the definition says kinds, conditions and ways that are taken on failure', () => {
  const graph = graphOfPlan(
    { nodes: [planned('a', []), planned('b', ['a']), planned('c', ['a', 'b']), planned('d', ['c'])] },
    {
      nodes: {
        a: {
          type: 'condition',
          cases: [
            { when: 'input.n > 1', to: ['b'] },
            { else: true, to: ['c'] },
          ],
        },
        b: { type: 'agent_call', agent: 'x', on_error: { goto: 'c' } },
        c: { type: 'join', needs: ['a', { node: 'b', kind: 'soft' }] },
        d: { type: 'emit' },
      },
      edges: [{ from: 'c', to: 'd', kind: 'optional', when: 'c.ok' }],
    },
  );
  expect(graph.nodes[1]).toMatchObject({ type: 'agent_call', detail: 'x' });
  expect(graph.edges).toEqual([
    { from: 'a', to: 'b', when: 'input.n > 1' },
    { from: 'a', to: 'c', when: 'else' },
    { from: 'b', to: 'c', kind: 'soft', when: undefined, onError: true },
    { from: 'c', to: 'd', kind: 'optional', when: 'c.ok' },
  ]);
});

test('a definition of another form is no mistake', () => {
  expect(graphOfPlan({ nodes: [planned('a', [])] }, { nodes: 7, edges: 'x' }).nodes).toHaveLength(1);
});
