import { expect, test } from 'vitest';
import { compared, criticalSoFar } from './estimates';
import { newStep } from './fold';

const node = (id: string, critical: boolean) => ({
  id,
  level: 0,
  needs: [],
  critical,
  agent: null,
  estimate: { p50_ms: 100, p90_ms: 200, tokens: 0 },
});
const plan = {
  definition_hash: '',
  nodes: [node('a', true), node('b', true), node('c', false)],
  levels: [],
  critical_path: ['a', 'b'],
  makespan_ms: 200,
  makespans: [],
  width: 1,
  risk: 'low',
};

test('what took longer than nine of ten is told, also while it runs', () => {
  const steps = new Map([
    ['a', { ...newStep('a'), status: 'completed', duration_ms: 110 }],
    ['b', { ...newStep('b'), status: 'running', started_at: new Date(1_000_000).toISOString() }],
    ['c', { ...newStep('c'), status: 'completed', duration_ms: 150 }],
  ]);
  const rows = compared(plan, steps, 1_000_300);
  expect(rows.map((row) => [row.took, row.verdict])).toEqual([
    [110, 'as expected'],
    [300, 'slower than nine of ten'],
    [150, 'slow'],
  ]);
  expect(criticalSoFar(rows)).toEqual({ took: 110, expected: 100, done: 1, all: 2 });
});
