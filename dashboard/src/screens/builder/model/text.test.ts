import { parse } from 'yaml';
import { describe, expect, it } from 'vitest';
import { EditRefused, insert, read, remove, renameKey, set } from './text';

const FILE = `# About the whole file.
ghostlight: 1
name: sample
nodes:
  probe:   { type: agent_call, agent: http-probe }   # looks
  # Both are weighed here.
  weigh:
    type: transform
    needs: [probe]
    expression: |-
      probe.ok
        ? 1 : 0
  last: { type: emit, event: 'done', needs: [weigh] }
output: { weight: $weigh }
`;

describe('setting a value', () => {
  it('changes that value and not one other character', () => {
    const changed = set(FILE, ['nodes', 'probe', 'agent'], 'metrics');
    expect(changed).toBe(FILE.replace('http-probe', 'metrics'));
  });

  it('adds a key to a mapping on one line, within its braces', () => {
    const changed = set(FILE, ['nodes', 'probe', 'timeout'], '30s');
    expect(changed).toContain('probe:   { type: agent_call, agent: http-probe, timeout: 30s }   # looks\n');
    expect(changed.replace(', timeout: 30s', '')).toBe(FILE);
  });

  it('adds a key to a block, behind a block scalar', () => {
    const changed = set(FILE, ['nodes', 'weigh', 'description'], 'How bad it is');
    expect(changed).toContain('        ? 1 : 0\n    description: How bad it is\n  last:');
  });

  it('adds a key behind another one when that is asked for', () => {
    const changed = set(FILE, ['nodes', 'last', 'when'], 'weigh > 0', { behind: ['type'] });
    expect(changed).toContain('last: { type: emit, when: weigh > 0, event:');
  });

  it('makes what is between', () => {
    const changed = set(FILE, ['nodes', 'probe', 'retry', 'max_attempts'], 3);
    expect(changed).toContain('agent: http-probe, retry: { max_attempts: 3 } }   # looks');
  });

  it('writes a text of several lines as a block', () => {
    const changed = set(FILE, ['nodes', 'weigh', 'description'], 'one\ntwo');
    expect(parse(changed).nodes.weigh.description).toBe('one\ntwo');
    expect(changed).toContain('description: |-\n      one\n      two\n');
  });

  it('replaces a block scalar by a short text and keeps what follows', () => {
    const changed = set(FILE, ['nodes', 'weigh', 'expression'], 'probe.ok');
    expect(changed).toContain('    expression: probe.ok\n  last:');
  });

  it('touches only what differs within a mapping', () => {
    const body = { type: 'transform', needs: ['probe'], expression: 'probe.ok\n  ? 1 : 0', timeout: '5s' };
    const changed = set(FILE, ['nodes', 'weigh'], body);
    expect(changed.replace('    timeout: 5s\n', '')).toBe(FILE);
  });

  it('adds a whole node in the manner of the file', () => {
    const changed = set(FILE, ['nodes', 'more'], { type: 'wait', for: '10s', needs: ['last'] });
    expect(changed).toContain('needs: [weigh] }\n  more: { type: wait, for: 10s, needs: [last] }\noutput:');
  });

  it('writes a long node over several lines', () => {
    const body = {
      type: 'agent_call',
      agent: 'a-rather-long-name',
      input: { first: '$probe.one.two.three', second: '$input.four.five.six' },
      timeout: '10m',
    };
    const changed = set(FILE, ['nodes', 'more'], body);
    expect(changed).toContain('  more:\n    type: agent_call\n    agent: a-rather-long-name\n    input:\n');
    expect(parse(changed).nodes.more).toEqual(body);
  });

  it('quotes what would be read as something else', () => {
    for (const value of [
      'true',
      '12',
      'a: b',
      'x, y',
      '$each[0].word',
      '- x',
      '#no',
      '',
      'null',
      "it's",
      'say "so"',
      '{x}',
      'a]b',
    ]) {
      const inFlow = set(FILE, ['nodes', 'probe', 'description'], value);
      expect(parse(inFlow).nodes.probe.description).toBe(value);
      const inBlock = set(FILE, ['nodes', 'weigh', 'description'], value);
      expect(parse(inBlock).nodes.weigh.description).toBe(value);
    }
  });

  it('begins an empty document', () => {
    expect(parse(set('', ['name'], 'x'))).toEqual({ name: 'x' });
    expect(parse(set('name: x\nnodes:\n', ['nodes', 'a'], { type: 'emit' }))).toEqual({
      name: 'x',
      nodes: { a: { type: 'emit' } },
    });
    expect(parse(set('name: x\nnodes: {}\n', ['nodes', 'a'], { type: 'emit' })).nodes.a).toEqual({
      type: 'emit',
    });
  });

  it('keeps JSON JSON', () => {
    const json = '{\n  "name": "x",\n  "nodes": {\n    "a": {"type": "emit", "event": "x"}\n  }\n}\n';
    const changed = set(set(json, ['nodes', 'a', 'data'], { b: [1, 'two'] }), ['nodes', 'c'], {
      type: 'emit',
    });
    expect(JSON.parse(changed).nodes).toEqual({
      a: { type: 'emit', event: 'x', data: { b: [1, 'two'] } },
      c: { type: 'emit' },
    });
  });

  it('refuses a text that cannot be read', () => {
    expect(() => set('a: [1', ['b'], 1)).toThrow(EditRefused);
  });
});

describe('lists', () => {
  it('take one more', () => {
    expect(insert(FILE, ['nodes', 'weigh', 'needs'], 'last')).toBe(FILE.replace('[probe]', '[probe, last]'));
    expect(insert(FILE, ['nodes', 'probe', 'needs'], 'x')).toContain('agent: http-probe, needs: [x] }');
  });

  it('take one more in the middle', () => {
    expect(insert('a: [1, 3]\n', ['a'], 2, { at: 1 })).toBe('a: [1, 2, 3]\n');
    expect(parse(insert('a:\n  - 1\n  - 3\n', ['a'], 2, { at: 1 }))).toEqual({ a: [1, 2, 3] });
  });

  it('take one more as a block', () => {
    expect(insert('a:\n  - x: 1\n    y: 2 # two\nb: 3\n', ['a'], { x: 3 })).toBe(
      'a:\n  - x: 1\n    y: 2 # two\n  - { x: 3 }\nb: 3\n',
    );
  });

  it('lose one', () => {
    expect(remove('a: [1, 2, 3]\n', ['a', 1])).toBe('a: [1, 3]\n');
    expect(remove('a: [1, 2]\n', ['a', 1])).toBe('a: [1]\n');
    expect(remove('a:\n  - 1\n  - 2 # two\n  - 3\n', ['a', 1])).toBe('a:\n  - 1\n  - 3\n');
  });
});

describe('taking away', () => {
  it('takes a node with the comment that stands right above it', () => {
    const changed = remove(FILE, ['nodes', 'weigh']);
    expect(changed).toContain('# looks\n  last: { type: emit');
    expect(parse(changed).nodes).not.toHaveProperty('weigh');
  });

  it('takes a key out of braces, wherever it stands', () => {
    expect(remove('a: { b: 1, c: 2 }\n', ['a', 'b'])).toBe('a: { c: 2 }\n');
    expect(remove('a: { b: 1, c: 2 }\n', ['a', 'c'])).toBe('a: { b: 1 }\n');
  });

  it('leaves an empty mapping, or takes it along', () => {
    expect(remove('a: { b: 1 }\nc: 2\n', ['a', 'b'])).toBe('a: {}\nc: 2\n');
    expect(remove('a: { b: { d: 1 } }\nc: 2\n', ['a', 'b', 'd'], true)).toBe('c: 2\n');
    expect(parse(remove('nodes:\n  a:\n    x: 1\nc: 2\n', ['nodes', 'a']))).toEqual({ nodes: {}, c: 2 });
  });

  it('takes the first key of a mapping in a list', () => {
    expect(remove('a:\n  - x: 1\n    y: 2\n', ['a', 0, 'x'])).toBe('a:\n  - y: 2\n');
  });

  it('does nothing where nothing is', () => expect(remove(FILE, ['nodes', 'none'])).toBe(FILE));
});

it('renames a key in its place', () => {
  expect(renameKey(FILE, ['nodes', 'probe'], 'ask')).toBe(FILE.replace('  probe:', '  ask:'));
});

it('changes what an anchor shares only where that can be done', () => {
  const shared = 'a: &x { n: 1 }\nb: *x\nc: 1\n';
  expect(parse(set(shared, ['c'], 2))).toEqual({ a: { n: 1 }, b: { n: 1 }, c: 2 });
  expect(() => set(shared, ['b', 'n'], 2)).toThrow(EditRefused);
});

/** The same seed gives the same edits. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

it('does the same to the text as to the data, whatever is edited', () => {
  for (let seed = 1; seed <= 25; seed += 1) {
    const random = randomOf(seed);
    const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
    let text = FILE;
    const data = parse(FILE) as Record<string, Record<string, Record<string, unknown>>>;
    const nodes = data.nodes as Record<string, Record<string, unknown>>;
    for (let step = 0; step < 12; step += 1) {
      const id = pick(['probe', 'weigh', 'last', 'new_one', 'other']);
      const key = pick(['timeout', 'input', 'labels', 'description']);
      const value = pick<unknown>([
        '5s',
        7,
        { a: '$probe.x', b: [1, { c: 'x: y' }] },
        ['p', 'q'],
        'two\nlines',
        {},
        true,
      ]);
      if (random() < 0.25 && nodes[id] && Object.keys(nodes).length > 1) {
        text = remove(text, ['nodes', id]);
        delete nodes[id];
      } else if (random() < 0.3 && nodes[id] && key in nodes[id]) {
        text = remove(text, ['nodes', id, key]);
        delete nodes[id][key];
      } else if (nodes[id]) {
        text = set(text, ['nodes', id, key], value);
        nodes[id][key] = value;
      } else {
        text = set(text, ['nodes', id], { type: 'emit', [key]: value });
        nodes[id] = { type: 'emit', [key]: value };
      }
      expect(read(text).errors, `seed ${seed}, step ${step}:\n${text}`).toEqual([]);
      expect(read(text).toJS(), `seed ${seed}, step ${step}:\n${text}`).toEqual(data);
    }
    expect(text, `seed ${seed}`).toContain('# About the whole file.\nghostlight: 1\n');
  }
}, 30_000);
