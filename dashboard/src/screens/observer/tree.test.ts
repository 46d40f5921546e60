import { describe, expect, it } from 'vitest';
import { icicle, neighbour, type Box } from './icicle';
import {
  above,
  fits,
  isJust,
  read,
  runOf,
  shortName,
  shortPath,
  sorted,
  treeRows,
  wordsOf,
  type Actor,
  type TreeNode,
} from './tree';

function node(path: string, children: TreeNode[] = [], more: Partial<TreeNode> = {}): TreeNode {
  return {
    path,
    kind: children.length > 0 ? 'supervisor' : 'worker',
    restart: 'permanent',
    state: 'running',
    incarnation: 1,
    restarts: 0,
    last_exit: null,
    mailbox: 0,
    handled: 0,
    arbiter: 'main',
    uptime_ms: 1000,
    children,
    ...more,
  } as TreeNode;
}

const RUN = '01980c2a-77e1-7c50-8b1a-3f0e9a7d5c21';
const house = (handled = 0, more: Partial<TreeNode> = {}) =>
  node('ghostlight', [
    node('core', [node('core/planner', [], { handled, mailbox: 3 }), node('core/timers')]),
    node('runs', [node('runs/p0', [node(`runs/p0/${RUN}`, [node(`runs/p0/${RUN}/workflow`, [], more)])])]),
  ]);
const paths = (actors: Actor[]) => actors.map((actor) => actor.path);

describe('a reading', () => {
  it('lists all actors with their place in the tree', () => {
    const { all, root, byPath } = read(house(), 0);
    expect(root.size).toBe(8);
    expect(all[0]).toBe(root);
    expect(byPath.get('core/planner')).toMatchObject({ name: 'planner', parent: 'core', depth: 2, size: 1 });
    expect(byPath.get('core')).toMatchObject({ name: 'core', isSupervisor: true, size: 3 });
  });

  it('says how many messages a second were handled since the one before', () => {
    const before = read(house(10), 1_000);
    expect(before.byPath.get('core/planner')?.rate).toBeNull();
    expect(read(house(50), 3_000, before).byPath.get('core/planner')?.rate).toBe(20);
  });

  it('counts a new life from its beginning, and remembers that it was just restarted', () => {
    const before = read(house(0, { handled: 500 }), 1_000);
    const after = read(house(0, { handled: 8, incarnation: 2, restarts: 1 }), 3_000, before);
    const found = after.byPath.get(`runs/p0/${RUN}/workflow`);
    expect(found?.rate).toBe(4);
    expect(found?.restartedAt).toBe(3_000);
    const later = read(house(0, { handled: 8, incarnation: 2, restarts: 1 }), 5_000, after).byPath.get(
      found?.path ?? '',
    );
    expect(later?.restartedAt).toBe(3_000);
    expect([isJust(later as Actor, 5_000), isJust(later as Actor, 20_000)]).toEqual([true, false]);
  });

  it('does not take what is new in the tree for restarted', () => {
    const before = read(node('ghostlight'), 0);
    expect(
      read(house(0, { incarnation: 3, restarts: 2 }), 1_000, before).all.some((one) => one.restartedAt),
    ).toBe(false);
  });

  it('has the last exit with its text', () => {
    const { byPath } = read(house(0, { last_exit: { kind: 'panicked', text: 'panicked: oh' } }), 0);
    expect(byPath.get(`runs/p0/${RUN}/workflow`)?.lastExit).toEqual({
      kind: 'panicked',
      text: 'panicked: oh',
    });
  });
});

describe('rows', () => {
  it('are folded where somebody folded them, or where there are very many', () => {
    const many = node('ghostlight', [
      node(
        'runs',
        Array.from({ length: 41 }, (_, at) => node(`runs/${at}`)),
      ),
      node('core'),
    ]);
    const reading = read(many, 0);
    expect(paths(treeRows(reading, '', new Map()))).toEqual(['ghostlight', 'runs', 'core']);
    expect(treeRows(reading, '', new Map([['runs', false]]))).toHaveLength(44);
    expect(paths(treeRows(read(house(), 0), '', new Map([['runs', true]])))).not.toContain('runs/p0');
  });

  it('that fit a filter are shown with what is above them, folded or not', () => {
    const rows = treeRows(read(house(), 0), 'planner', new Map([['core', true]]));
    expect(paths(rows)).toEqual(['ghostlight', 'core', 'core/planner']);
  });

  it('are found by path, state, kind and arbiter', () => {
    const { byPath } = read(house(), 0);
    const planner = byPath.get('core/planner') as Actor;
    expect(['planner worker', 'RUNNING main', 'core/'].map((query) => fits(planner, wordsOf(query)))).toEqual(
      [true, true, true],
    );
    expect(fits(planner, wordsOf('planner supervisor'))).toBe(false);
  });

  it('are sorted by what is asked for, unknown values last', () => {
    const { all } = read(
      node('a', [node('b', [], { mailbox: null, handled: 5 }), node('c', [], { mailbox: 9, handled: 7 })], {
        mailbox: 1,
      }),
      0,
    );
    expect(paths(sorted(all, 'mailbox'))).toEqual(['c', 'a', 'b']);
    expect(paths(sorted(all, 'mailbox', true))).toEqual(['a', 'c', 'b']);
    expect(paths(sorted(all, 'handled'))).toEqual(['c', 'b', 'a']);
    expect(paths(sorted(all, 'name', true))).toEqual(['a', 'b', 'c']);
  });
});

describe('paths', () => {
  it('lead up to the root', () => {
    expect(paths(above(read(house(), 0), 'core/planner'))).toEqual(['ghostlight', 'core', 'core/planner']);
    expect(above(read(house(), 0), 'gone')).toEqual([]);
  });

  it('are shown as short as tells their actors apart', () => {
    const shown = read(house(), 0).all.map(shortName);
    expect(shown).toContain('…9a7d5c21');
    expect(shown).toContain('planner');
    expect(shortPath(`runs/p0/runs/${RUN}/workflow`)).toBe('runs/p0/runs/…9a7d5c21/workflow');
  });

  it('say which run an actor belongs to', () => {
    expect(runOf(`runs/p0/runs/${RUN}/executions/verify@2`)).toBe(RUN);
    expect(runOf('runs/p0/router')).toBeUndefined();
  });
});

describe('the picture', () => {
  const boxesOf = (top: Actor, smallest = 0) => icicle(top, 'actors', smallest).boxes;

  it('gives each actor the share of its leaves, under its supervisor', () => {
    const { root } = read(house(), 0);
    const { boxes, depth } = icicle(root, 'actors', 0);
    const box = (path: string) =>
      boxes.find((one): one is Box => one.kind === 'actor' && one.actor.path === path);
    expect(depth).toBe(5);
    expect(box('ghostlight')).toMatchObject({ depth: 0, left: 0, width: 1 });
    expect(box('core')?.width).toBeCloseTo(2 / 3);
    expect(box('runs')).toMatchObject({ depth: 1 });
    expect(box('runs')?.left).toBeCloseTo(2 / 3);
    expect(box('core/timers')?.left).toBeCloseTo(1 / 3);
  });

  it('draws those that are too narrow together, and says how many they are', () => {
    const { root } = read(
      node(
        'runs',
        Array.from({ length: 10_000 }, (_, at) => node(`runs/${at}`)),
      ),
      0,
    );
    const boxes = boxesOf(root, 0.001);
    expect(boxes).toHaveLength(2);
    expect(boxes[1]).toMatchObject({ kind: 'rest', actors: 10_000, depth: 1, left: 0 });
    expect(boxes[1]?.width).toBeCloseTo(1);
  });

  it('by messages does not let vanish what is idle', () => {
    const before = read(house(0), 0);
    const { root } = read(house(1_000), 1_000, before);
    const { boxes } = icicle(root, 'rate', 0);
    const width = (path: string) =>
      boxes.find((one) => one.kind === 'actor' && one.actor.path === path)?.width ?? 0;
    expect(width('core/planner')).toBeGreaterThan(0.9);
    expect(width('core/timers')).toBeGreaterThan(0);
  });

  it('is walked by the arrow keys', () => {
    const boxes = boxesOf(read(house(), 0).root).filter((box): box is Box => box.kind === 'actor');
    const to = (from: string, key: string) => neighbour(boxes, from, key)?.actor.path;
    expect(to('core', 'ArrowRight')).toBe('runs');
    expect(to('core', 'ArrowLeft')).toBeUndefined();
    expect(to('core', 'ArrowDown')).toBe('core/planner');
    expect(to('core/planner', 'ArrowUp')).toBe('core');
    expect(to('core/planner', 'Home')).toBe('ghostlight');
    expect(to('gone', 'ArrowUp')).toBe('ghostlight');
  });
});
