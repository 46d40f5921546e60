import { parse } from 'yaml';
import { describe, expect, it } from 'vitest';
import { cameAfter, couldFollow, endsOf, isAlone, stepAt } from './attach';
import { graphOf } from './graph';

const graph = (nodes: string, rest = '') => graphOf(parse(`nodes:\n${nodes}${rest}`));
const CHAIN = '  a: { type: emit, event: a }\n  b: { type: emit, event: b, needs: [a] }\n';
const FORK = `${CHAIN}  c: { type: emit, event: c, needs: [a] }\n`;

describe('a step that is added', () => {
  it('comes behind the one that is selected', () => {
    expect(cameAfter(graph(CHAIN), ['a'])).toBe('a');
  });

  it('comes behind the one after which nothing comes, when nothing is selected', () => {
    expect(cameAfter(graph(CHAIN), [])).toBe('b');
  });

  it('stays alone when there are several ends', () => {
    expect(cameAfter(graph(FORK), [])).toBeNull();
  });

  it('stays alone in a workflow that is empty', () => {
    expect(cameAfter(graphOf({}), [])).toBeNull();
  });

  it('takes several that are selected for none', () => {
    expect(cameAfter(graph(CHAIN), ['a', 'b'])).toBe('b');
    expect(cameAfter(graph(FORK), ['b', 'c'])).toBeNull();
  });

  it('does not go on where only a failure leads to', () => {
    const rescued = graph(
      '  a: { type: agent_call, agent: x, on_error: { goto: undo } }\n  undo: { type: emit, event: u }\n' +
        '  told: { type: emit, event: t, needs: [undo] }\n',
    );
    expect(endsOf(rescued)).toEqual(['a']);
    expect(cameAfter(rescued, [])).toBe('a');
  });

  it('counts ways of conditions, branches and chains as what follows', () => {
    const ways = graph(
      '  c: { type: condition, cases: [{ when: "true", to: [x] }, { else: true, to: [x] }] }\n' +
        '  x: { type: parallel, branches: { one: [y] } }\n  y: { type: emit, event: y }\n  z: { type: emit, event: z }\n',
      'chain: [y, z]\n',
    );
    expect(endsOf(ways)).toEqual(['z']);
  });

  it('never ends a circle, which has no end', () => {
    const circle = graph(
      '  a: { type: emit, event: a, needs: [b] }\n  b: { type: emit, event: b, needs: [a] }\n',
    );
    expect(endsOf(circle)).toEqual([]);
  });
});

describe('a step that nothing is connected with', () => {
  const alone = graph(`${CHAIN}  d: { type: emit, event: d }\n`);

  it('is one to which nothing leads and which nothing follows', () => {
    expect(alone.nodes.map((node) => isAlone(alone, node.id))).toEqual([false, false, true]);
  });

  it('is not the only one there is', () => {
    const one = graph('  a: { type: emit, event: a }\n');
    expect(isAlone(one, 'a')).toBe(false);
  });

  it('could follow the one end of the others', () => {
    expect(couldFollow(alone, 'd')).toBe('b');
    expect(couldFollow(graph(`${FORK}  d: { type: emit, event: d }\n`), 'd')).toBeNull();
  });
});

it('finds the step on which something is let go', () => {
  const box = { width: 10, height: 10 };
  const boxes = [
    { id: 'a', x: 0, y: 0, ...box },
    { id: 'b', x: 5, y: 5, ...box },
  ];
  expect(stepAt(boxes, { x: 2, y: 2 })).toBe('a');
  expect(stepAt(boxes, { x: 7, y: 7 })).toBe('b');
  expect(stepAt(boxes, { x: 30, y: 7 })).toBeNull();
});
