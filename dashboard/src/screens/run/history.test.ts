import { expect, test } from 'vitest';
import type { Recorded } from './eventlog';
import { History } from './history';

let place = 0;
const event = (type: string, data: Record<string, unknown> = {}): Recorded => ({
  place: (place += 1),
  sequence: BigInt(place),
  type,
  time: new Date(1_800_000_000_000 + place * 1000).toISOString(),
  data,
});

test('the run as it was after each event', () => {
  place = 0;
  const history = new History();
  history.add([
    event('run.created', { workflow: 'w' }),
    event('plan.created'),
    event('step.started', { step: 'a', attempt: 1 }),
    event('step.retrying', { step: 'a', attempt: 1 }),
    event('step.started', { step: 'a', attempt: 2 }),
    event('step.failed', { step: 'a', attempt: 2 }),
    event('step.skipped', { step: 'b' }),
    event('run.failed', { step: 'a' }),
  ]);
  expect([1, 3, 4, 5, 6].map((at) => history.stepAt('a', at)?.status)).toEqual([
    undefined,
    'running',
    'retrying',
    'running',
    'failed',
  ]);
  expect(history.stepAt('a', 5)?.attempt).toBe(2);
  expect([1, 2, 3, 7, 8].map((at) => history.runAt(at))).toEqual([
    'pending',
    'pending',
    'running',
    'running',
    'failed',
  ]);
  expect([...history.stepsAt(6).keys()]).toEqual(['a']);
  expect(history.beside(3, 1, 'a')).toBe(4);
  expect(history.beside(7, -1, 'b')).toBeNull();
  expect(history.beside(8, 1, null)).toBeNull();
});

test('an event that comes twice, or before its time, is not taken', () => {
  place = 0;
  const history = new History();
  const [first, second, third] = [
    event('run.created'),
    event('plan.created'),
    event('step.started', { step: 'a' }),
  ];
  history.add([first, third, second, first, third]);
  expect(history.told.map((told) => told.type)).toEqual(['run.created', 'plan.created', 'step.started']);
});

test('a hundred thousand events are read quickly, and any moment is found at once', () => {
  place = 0;
  const history = new History();
  history.add(
    Array.from({ length: 100_000 }, (_, n) =>
      event(n % 2 === 0 ? 'step.started' : 'step.completed', {
        step: `each.${Math.floor(n / 2) % 10_000}`,
        attempt: 1,
      }),
    ),
  );
  const begun = performance.now();
  for (let at = 0; at < 20; at += 1) expect(history.stepsAt(at * 5000 + 1).size).toBeGreaterThan(0);
  expect(performance.now() - begun).toBeLessThan(2000);
});
