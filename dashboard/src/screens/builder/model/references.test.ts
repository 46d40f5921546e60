import { parse } from 'yaml';
import { expect, it } from 'vitest';
import { graphOf } from './graph';
import { referencesOf } from './references';

const graph = graphOf(
  parse(`
input: { properties: { url: {} } }
context: { limit: 3 }
nodes:
  probe: { type: agent_call }
  ask: { type: human_gate, needs: [probe] }
  each: { type: map, over: $probe.list, needs: [ask], node: { type: agent_call } }
  aside: { type: emit }
`),
);
const texts = (id: string, ...path: (string | number)[]) =>
  referencesOf(graph, id, ['nodes', id, ...path]).map((one) => one.text);

it('offers steps before, the input, and the context', () => {
  expect(texts('ask')).toEqual(['$probe', '$input', '$input.url', '$context.limit', '$run.id']);
});

it('offers what a gate answers', () => expect(texts('each')).toContain('$ask.decision'));

it('offers items only inside of a map', () => {
  expect(texts('each', 'over')).not.toContain('$item');
  expect(texts('each', 'node', 'input')).toEqual(expect.arrayContaining(['$item', '$index', '$probe']));
});

it('offers no step that is not before', () => expect(texts('each')).not.toContain('$aside'));
