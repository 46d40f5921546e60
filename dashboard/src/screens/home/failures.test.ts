import { expect, it } from 'vitest';
import type { Run } from '$lib/runs/words';
import { alike } from './failures';

const run = (id: string, workflow: string, message: string) =>
  ({ id, workflow, error: { step: 's', class: 'data', code: 'c', message } }) as unknown as Run;

it('runs that failed alike are told once, by the newest, in the order of the newest of each', () => {
  const runs = [run('4', 'a', 'x'), run('3', 'b', 'x'), run('2', 'a', 'x'), run('1', 'a', 'y')];
  expect(alike(runs).map(({ run: { id }, many }) => [id, many])).toEqual([
    ['4', 2],
    ['3', 1],
    ['1', 1],
  ]);
});
