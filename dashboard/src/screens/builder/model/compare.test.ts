import { parse } from 'yaml';
import { describe, expect, it } from 'vitest';
import { compare, inWords } from './compare';
import { graphOf } from './graph';

const words = (a: string, b: string) => inWords(compare(graphOf(parse(a)), graphOf(parse(b))));

it('says what became of steps and of what stands at the top', () => {
  const before = '{name: x, nodes: {a: {type: emit}, b: {type: emit}}}';
  expect(
    words(before, '{name: x, description: d, nodes: {a: {type: wait}, c: {type: emit, event: y}, e: {}}}'),
  ).toBe('2 steps added, 1 step changed, 1 step removed, description changed');
});

it('says so when only edges differ', () => {
  const before = '{nodes: {a: {}, b: {}}, chain: [a, b]}';
  expect(words(before, '{nodes: {a: {}, b: {}}}')).toBe('1 edge changed');
});

it('says so when only comments and order differ', () => {
  expect(words('{nodes: {a: {}, b: {}}}', '{nodes: {b: {}, a: {}}} # new')).toBe(
    'Only comments and order have changed',
  );
});

describe('a step with another id', () => {
  const before = `{
    nodes: {
      draft: {type: agent_call, agent: writer},
      check: {type: condition, when: draft.ok, needs: [draft]},
      publish: {type: emit, event: out, data: {text: $draft.text}, needs: [check]},
    },
    output: $draft
  }`;

  it('is told as that, and what names it is not told as changed', () => {
    const after = before.replaceAll('draft', 'article');
    expect(words(before, after)).toBe('draft is now called article');
    const { nodes, edges } = compare(graphOf(parse(before)), graphOf(parse(after)));
    expect([...nodes.values()]).toEqual(['same', 'same', 'same']);
    expect([...edges.values()]).toEqual(['same', 'same']);
  });

  it('is told beside what else is different', () => {
    const after = before.replaceAll('draft', 'article').replace('event: out', 'event: done');
    expect(words(before, after)).toBe('1 step changed, draft is now called article');
  });

  it('is known by its neighbours when it was changed as well', () => {
    const after = before.replaceAll('draft', 'article').replace('writer}', 'writer, timeout: 5m}');
    expect(words(before, after)).toBe('1 step changed, draft is now called article');
  });

  it('is found when all of them have another one', () => {
    const after = before.replaceAll('draft', 'a').replaceAll('check', 'b').replaceAll('publish', 'c');
    expect(words(before, after)).toBe(
      'draft is now called a, check is now called b, publish is now called c',
    );
  });

  it('is another step when it calls another', () => {
    const after = before.replaceAll('draft', 'article').replace('writer', 'editor');
    expect(words(before, after)).toBe('1 step added, 2 steps changed, 1 step removed, output changed');
  });

  it('is another step when its type differs, or nothing is alike', () => {
    expect(words('{nodes: {a: {type: emit}}}', '{nodes: {b: {type: wait}}}')).toBe(
      '1 step added, 1 step removed',
    );
    expect(words('{nodes: {a: {type: emit, event: x}}}', '{nodes: {b: {type: emit, event: y}}}')).toBe(
      '1 step added, 1 step removed',
    );
  });

  it('that took the id of another is another step', () => {
    const both = '{nodes: {a: {type: emit, event: x}, b: {type: emit, event: y}}}';
    expect(words(both, '{nodes: {b: {type: emit, event: x}}}')).toBe('1 step changed, 1 step removed');
  });
});
