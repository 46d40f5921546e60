import { expect, it } from 'vitest';
import { History, SAMPLES } from './history';
import { read, type TreeNode } from './tree';

function tree(children: number, mailbox = 0): TreeNode {
  const node = (path: string, below: TreeNode[]): TreeNode =>
    ({
      path,
      kind: 'worker',
      restart: 'permanent',
      state: 'running',
      incarnation: 1,
      restarts: 0,
      mailbox,
      handled: 0,
      uptime_ms: 0,
      children: below,
    }) as TreeNode;
  return node(
    'root',
    Array.from({ length: children }, (_, at) => node(`a/${at}`, [])),
  );
}

it('history keeps so many samples of each actor', () => {
  const history = new History();
  for (let at = 0; at < SAMPLES + 10; at++) history.add(read(tree(1, at), at));
  expect(history.of('a/0').mailbox).toHaveLength(SAMPLES);
  expect(history.of('a/0').mailbox.at(-1)).toBe(SAMPLES + 9);
});

it('history keeps so many actors, and forgets who is gone', () => {
  const history = new History();
  history.add(read(tree(10_000), 0));
  expect(history.size).toBe(4_000);
  history.add(read(tree(2), 1));
  expect(history.size).toBe(3);
  expect(history.of('a/9').rate).toEqual([]);
});
