import { parse } from 'yaml';
import { describe, expect, it } from 'vitest';
import { graphOf } from './graph';
import {
  addBetween,
  addNode,
  changeType,
  connect,
  copied,
  disconnect,
  paste,
  removeNodes,
  renameNode,
  setEdgeKind,
  setValue,
} from './operations';
import { EditRefused } from './text';

const FILE = `name: x
nodes:
  a: { type: agent_call, agent: noop } # first
  c:
    type: condition
    needs: [a]
    cases:
      - { when: a.n > 1, to: [b] }
      - { else: true, to: [d] }
  b: { type: transform, expression: "a.n + size(run.errors.a.message) + 'a'.size()" }
  d: { type: human_gate, action: 'Look at {{ a.n }} of a', on_error: { goto: b } }
  p: { type: parallel, branches: { one: [e, f] } }
  e: { type: emit, event: e, data: $a.n }
  f: { type: emit, event: f, data: { x: $a, y: [$run.errors.a.code], z: $about } }
edges: [{ from: a, to: p, when: a.ok }]
output: $a
`;
const graph = (text: string) => graphOf(parse(text));
const edge = (text: string, from: string, to: string) => {
  const found = graph(text).edges.find((one) => one.from === from && one.to === to);
  if (!found) throw new Error(`no edge from ${from} to ${to}`);
  return found;
};

describe('adding', () => {
  /** S3-9b, S3-9d */
  it('puts a step behind the one that is selected', () => {
    const { text, ids } = addNode(FILE, { type: 'wait', for: '10s' }, 'a');
    expect(ids).toEqual(['wait']);
    expect(text).toContain('  wait: { type: wait, for: 10s, needs: [a] }\n');
  });

  it('leads the last way of a condition to it', () => {
    const { text } = addNode(FILE, { type: 'emit', event: 'x' }, 'c', 'told');
    expect(text).toContain('{ else: true, to: [d, told] }');
    expect(parse(text).nodes.told).toEqual({ type: 'emit', event: 'x' });
  });

  it('leads a way of a condition to it that leads nowhere yet', () => {
    const none = FILE.replace('to: [b]', 'to: []');
    const { text } = addNode(none, { type: 'emit', event: 'x' }, 'c', 'told');
    expect(text).toContain('{ when: a.n > 1, to: [told] }');
  });

  it('opens a branch of a parallel for it', () => {
    const { text, ids } = addNode(FILE, { type: 'wait', for: '10s' }, 'p');
    expect(parse(text).nodes.p.branches).toEqual({ one: ['e', 'f'], wait: ['wait'] });
    expect(ids).toEqual(['wait']);
    expect(parse(text).nodes.wait).toEqual({ type: 'wait', for: '10s' });
  });

  it.each([
    // [an edge, how it is written, what the new one needs, what is behind needs it]
    ['a', 'c', { a: ['a'], c: ['wait'] }],
    ['a', 'p', { a: undefined, p: ['wait'] }],
    ['c', 'b', { a: undefined, b: ['wait'] }],
    ['d', 'b', { a: undefined, b: ['wait'] }],
  ] as const)('puts a step on the edge from %s to %s', (from, to, needs) => {
    const body = { type: 'wait', for: '10s' };
    const { text, ids } = addBetween(FILE, body, edge(FILE, from, to));
    expect(ids).toEqual(['wait']);
    const { nodes } = parse(text);
    expect(nodes.wait.needs).toEqual(needs.a);
    expect(nodes[to].needs).toEqual((needs as Record<string, unknown>)[to]);
    const edges = graph(text).edges.map((one) => `${one.from}>${one.to}`);
    expect(edges).toContain(`${from}>wait`);
    expect(edges).toContain(`wait>${to}`);
    expect(edges).not.toContain(`${from}>${to}`);
  });

  it('puts a step into a branch and into a chain', () => {
    const body = { type: 'wait', for: '10s' };
    const branch = addBetween(FILE, body, edge(FILE, 'e', 'f')).text;
    expect(parse(branch).nodes.p.branches).toEqual({ one: ['e', 'wait', 'f'] });
    const first = addBetween(FILE, body, edge(FILE, 'p', 'e')).text;
    expect(parse(first).nodes.p.branches).toEqual({ one: ['wait', 'e', 'f'] });
    const chain = 'nodes:\n  a: { type: emit, event: a }\n  b: { type: emit, event: b }\nchain: [a, b]\n';
    expect(addBetween(chain, body, edge(chain, 'a', 'b')).text).toContain('chain: [a, wait, b]');
  });

  it('keeps how strongly the one before is needed', () => {
    const soft =
      'nodes:\n  a: { type: emit, event: a }\n  b: { type: emit, event: b, needs: [{ node: a, kind: soft }] }\n';
    const { nodes } = parse(addBetween(soft, { type: 'wait', for: '10s' }, edge(soft, 'a', 'b')).text);
    expect(nodes.wait.needs).toEqual([{ node: 'a', kind: 'soft' }]);
    expect(nodes.b.needs).toEqual(['wait']);
  });

  it('finds ids that are free and may be ids', () => {
    expect(addNode(FILE, { type: 'agent_call', agent: 'http-probe' }).ids).toEqual(['http_probe']);
    expect(addNode(FILE, { type: 'agent_call', agent: 'noop' }, undefined, 'a').ids).toEqual(['a_2']);
    expect(addNode(FILE, { type: 'loop' }).ids).toEqual(['repeat']);
  });
});

describe('connecting', () => {
  it('writes what is needed, once', () => {
    const once = connect(FILE, 'a', 'b');
    expect(parse(once).nodes.b.needs).toEqual(['a']);
    expect(connect(once, 'a', 'b')).toBe(once);
  });

  it('goes out from the way of a condition', () => {
    expect(connect(FILE, 'c', 'e', 'hard', 0)).toContain('{ when: a.n > 1, to: [b, e] }');
  });

  it('opens a branch of a parallel', () => {
    expect(parse(connect(FILE, 'p', 'd')).nodes.p.branches).toEqual({ one: ['e', 'f'], d: ['d'] });
  });

  it('refuses a step that waits for itself', () => {
    expect(() => connect(FILE, 'a', 'a')).toThrow(EditRefused);
  });

  it('says how strongly', () => {
    const soft = setEdgeKind(FILE, edge(FILE, 'a', 'c'), 'soft');
    expect(parse(soft).nodes.c.needs).toEqual([{ node: 'a', kind: 'soft' }]);
    expect(parse(setEdgeKind(soft, edge(soft, 'a', 'c'), 'hard')).nodes.c.needs).toEqual(['a']);
    expect(parse(setEdgeKind(FILE, edge(FILE, 'a', 'p'), 'optional')).edges[0].kind).toBe('optional');
    expect(() => setEdgeKind(FILE, edge(FILE, 'c', 'b'), 'soft')).toThrow(EditRefused);
  });
});

describe('disconnecting', () => {
  it('takes an edge away where it was written', () => {
    expect(parse(disconnect(FILE, edge(FILE, 'a', 'c'))).nodes.c).not.toHaveProperty('needs');
    expect(parse(disconnect(FILE, edge(FILE, 'a', 'p')))).not.toHaveProperty('edges');
    expect(parse(disconnect(FILE, edge(FILE, 'c', 'b'))).nodes.c.cases[0].to).toEqual([]);
    expect(parse(disconnect(FILE, edge(FILE, 'd', 'b'))).nodes.d).not.toHaveProperty('on_error');
    expect(parse(disconnect(FILE, edge(FILE, 'e', 'f'))).nodes.p.branches).toEqual({ one: ['e'] });
  });

  it('makes two chains of one', () => {
    const chain = '{nodes: {a: {}, b: {}, c: {}, d: {}}, chain: [a, b, c, d]}\n';
    expect(parse(disconnect(chain, edge(chain, 'b', 'c'))).chain).toEqual([
      ['a', 'b'],
      ['c', 'd'],
    ]);
    expect(parse(disconnect(chain, edge(chain, 'a', 'b'))).chain).toEqual(['b', 'c', 'd']);
    const short = '{nodes: {a: {}, b: {}}, chain: [[a, b]]}\n';
    expect(parse(disconnect(short, edge(short, 'a', 'b')))).not.toHaveProperty('chain');
  });
});

describe('deleting', () => {
  it('takes a step away, and all that names it', () => {
    const text = removeNodes(FILE, ['a', 'e']);
    const value = parse(text);
    expect(Object.keys(value.nodes)).toEqual(['c', 'b', 'd', 'p', 'f']);
    expect(value.nodes.c).not.toHaveProperty('needs');
    expect(value).not.toHaveProperty('edges');
    expect(value.nodes.p.branches).toEqual({ one: ['f'] });
    expect(graph(text).missing).toEqual([]);
  });

  it('keeps what reads its values, for the compiler to point at', () => {
    expect(parse(removeNodes(FILE, ['a'])).nodes.f.data.x).toBe('$a');
  });
});

describe('renaming', () => {
  const text = renameNode(FILE, 'a', 'probe');
  const value = parse(text);

  it('follows edges, bindings, expressions and templates', () => {
    expect(value.nodes.c.needs).toEqual(['probe']);
    expect(value.nodes.c.cases[0].when).toBe('probe.n > 1');
    expect(value.nodes.b.expression).toBe("probe.n + size(run.errors.probe.message) + 'a'.size()");
    expect(value.nodes.d.action).toBe('Look at {{ probe.n }} of a');
    expect(value.nodes.e.data).toBe('$probe.n');
    expect(value.nodes.f.data).toEqual({ x: '$probe', y: ['$run.errors.probe.code'], z: '$about' });
    expect(value.edges[0]).toEqual({ from: 'probe', to: 'p', when: 'probe.ok' });
    expect(value.output).toBe('$probe');
  });

  it('keeps its place and its comment', () => {
    expect(text).toContain('  probe: { type: agent_call, agent: noop } # first\n');
  });

  it('refuses what cannot be an id', () => {
    for (const wrong of ['b', 'A', 'for', '', '1a', 'x-y'])
      expect(() => renameNode(FILE, 'a', wrong)).toThrow(EditRefused);
  });
});

describe('copying', () => {
  it('gives new ids, and edges and values among the copies follow', () => {
    const { text, ids } = paste(FILE, copied(graph(FILE), ['a', 'c', 'b']));
    expect(ids).toEqual(['a_2', 'c_2', 'b_2']);
    const nodes = parse(text).nodes;
    expect(nodes.c_2.needs).toEqual(['a_2']);
    expect(nodes.c_2.cases[0]).toEqual({ when: 'a_2.n > 1', to: ['b_2'] });
    expect(nodes.c_2.cases[1].to).toEqual(['d']);
  });

  it('takes steps of another workflow, without what is not here', () => {
    const { text } = paste(
      'nodes: {}\n',
      'x: { type: emit, event: e, needs: [y, z] }\ny: { type: emit, event: e }\n',
    );
    expect(parse(text).nodes).toEqual({
      x: { type: 'emit', event: 'e', needs: ['y'] },
      y: { type: 'emit', event: 'e' },
    });
  });

  it('refuses what is no step', () => {
    for (const wrong of ['', 'hello', '[1', 'a: 1', '{'])
      expect(() => paste(FILE, wrong)).toThrow(EditRefused);
  });
});

it('takes a value away with what is empty by that', () => {
  const text = setValue(
    'nodes:\n  a: { type: x, input: { b: 1 } }\n',
    ['nodes', 'a', 'input', 'b'],
    undefined,
  );
  expect(text).toBe('nodes:\n  a: { type: x }\n');
});

it('keeps what another type knows as well', () => {
  const text = changeType(
    FILE,
    ['nodes', 'a'],
    'tool_call',
    new Set(['tool', 'input', 'effect', 'needs', 'type']),
  );
  expect(parse(text).nodes.a).toEqual({ type: 'tool_call', tool: 'noop', effect: 'read', input: {} });
});

it('takes a step away that a thousand others wait for', () => {
  const steps = Array.from(
    { length: 1000 },
    (_, n) => `  s${n}: { type: emit, event: e${n > 0 ? `, needs: [s${n - 1}, s0]` : ''} }\n`,
  );
  const text = `name: many\nnodes:\n${steps.join('')}`;
  const left = graph(removeNodes(text, ['s0']));
  expect(left.nodes).toHaveLength(999);
  expect(left.missing).toEqual([]);
}, 20_000);
