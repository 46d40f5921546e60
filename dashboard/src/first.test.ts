import { expect, test } from 'vitest';
import { firstReads } from './first';

test('a run and its steps are asked for before the code that shows them is there', () => {
  expect(firstReads('/runs/01980c8e')).toEqual([
    '/api/v1/session',
    '/api/v1/runs/counts',
    '/api/v1/runs/01980c8e',
    '/api/v1/runs/01980c8e/plan',
    '/api/v1/runs/01980c8e/steps',
  ]);
});

test('whatever stands in an address stays a part of a path', () => {
  expect(firstReads('/runs/..%2F..%2Fsession').at(-1)).toBe('/api/v1/runs/..%2F..%2Fsession/steps');
});

test('elsewhere only what the frame shows is asked for', () => {
  expect(firstReads('/runs')).toEqual(['/api/v1/session', '/api/v1/runs/counts']);
  expect(firstReads('/workflows/gated/edit')).toEqual(['/api/v1/session', '/api/v1/runs/counts']);
});
