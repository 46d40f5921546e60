import { expect, test } from 'vitest';
import { newStep } from './fold';
import { progressOf } from './progress';

const steps = (statuses: Record<string, string>) =>
  new Map(Object.entries(statuses).map(([path, status]) => [path, { ...newStep(path), status }]));

test('a run that goes on is never done', () => {
  const all = steps({ a: 'completed', b: 'completed' });
  expect(progressOf({ status: 'running' }, { progress: 1, counts: {} }, all).share).toBe(0.99);
  expect(progressOf({ status: 'completed' }, { progress: 1, counts: {} }, all).share).toBe(1);
  expect(progressOf({ status: 'failed' }, { progress: 1, counts: {} }, all).share).toBe(0.99);
});

test('items count in place of their map', () => {
  const all = steps({ each: 'running', 'each.0': 'completed', 'each.1': 'running', sum: 'pending' });
  const progress = progressOf({ status: 'running' }, undefined, all);
  expect(progress.text).toBe('1 of 3 steps ended');
  expect(progress.parts).toEqual([
    { status: 'completed', count: 1, share: 1 / 3 },
    { status: 'running', count: 1, share: 1 / 3 },
  ]);
});
