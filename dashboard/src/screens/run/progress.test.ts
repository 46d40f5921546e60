import { expect, test } from 'vitest';
import { newStep } from './fold';
import type { components } from '$lib/api/schema';
import { etaOf, isOverdue, progressOf, shareSaid } from './progress';

const steps = (statuses: Record<string, string>) =>
  new Map(Object.entries(statuses).map(([path, status]) => [path, { ...newStep(path), status }]));

/** S0-2.1e, S2-1.3b, S2-3.1c, S4-T5c */
test('a run that goes on is never done', () => {
  const all = steps({ a: 'completed', b: 'completed' });
  expect(progressOf({ status: 'running' }, { progress: 1, counts: {} }, all).share).toBe(0.99);
  const half = steps({ a: 'completed', b: 'waiting' });
  expect(progressOf({ status: 'running' }, { progress: 1, counts: {} }, half).share).toBe(0.5);
  expect(progressOf({ status: 'completed' }, { progress: 1, counts: {} }, all).share).toBe(1);
  expect(progressOf({ status: 'failed' }, { progress: 1, counts: {} }, all).share).toBe(0.99);
});

test('a map that goes on is as far as its items are', () => {
  const all = steps({ each: 'running', 'each.0': 'completed', 'each.1': 'running', sum: 'pending' });
  const progress = progressOf({ status: 'running' }, undefined, all);
  expect(progress.text).toBe('0 of 2 steps done; 1 of 2 items done');
  expect(progress.parts).toEqual([
    { status: 'completed', share: 1 / 3 },
    { status: 'running', share: 1 / 3 },
  ]);
});

test('a map of many items is not done with the step before it', () => {
  const all = steps({ load: 'completed', each: 'running', 'each.0': 'completed' });
  all.set('each', { ...newStep('each'), status: 'running', type: 'map', items: 999 });
  expect(progressOf({ status: 'running' }, undefined, all)).toMatchObject({ share: 2 / 1000, by: 'items' });
  // Nobody knows how much is in the next one, and it is not taken for nothing.
  all.set('again', { ...newStep('again'), type: 'map' });
  expect(progressOf({ status: 'running' }, undefined, all).share).toBeCloseTo(2 / 1999);
});

test('a map that completed shows what of it failed', () => {
  const all = steps({ each: 'completed', 'each.0': 'completed', 'each.1': 'failed' });
  const progress = progressOf({ status: 'completed' }, undefined, all);
  expect(progress.share).toBe(1);
  expect(progress.parts).toEqual([
    { status: 'completed', share: 1 / 2 },
    { status: 'failed', share: 1 / 2 },
  ]);
});

test('of items nobody had estimates: they are counted', () => {
  const all = steps({ each: 'running', 'each.0': 'completed', 'each.1': 'running' });
  const progress = progressOf({ status: 'running' }, { progress: 0.94, counts: {} }, all);
  expect(progress).toMatchObject({ share: 0.5, by: 'items' });
});

test('what was done and had no estimate is not told as nothing', () => {
  const all = steps({ ask: 'completed', b: 'pending' });
  expect(progressOf({ status: 'running' }, { progress: 0, counts: {} }, all)).toMatchObject({
    share: 0.5,
    by: 'steps',
  });
});

test('what goes by estimates says so', () => {
  const all = steps({ a: 'completed', b: 'running' });
  const progress = progressOf({ status: 'running' }, { progress: 0.3, counts: {} }, all);
  expect(progress).toMatchObject({ share: 0.3, by: 'estimate' });
});

test('an end that should have been is not told as one that comes', () => {
  const at = (ms: number) => new Date(ms).toISOString();
  const eta = { earliest: at(5_000), likely: at(10_000), latest: at(20_000) };
  expect(etaOf(eta, 0)).toEqual({ earliest: 5_000, likely: 10_000, latest: 20_000 });
  expect(etaOf(eta, 12_000)).toEqual({ earliest: 0, likely: 0, latest: 8_000 });
  expect(etaOf(eta, 20_000)).toBe('late');
  expect(etaOf(null, 0)).toBeNull();
  // It cannot end before something is tried again.
  expect(etaOf(eta, 0, 30_000)).toBeNull();
  expect(etaOf(eta, 0, 2_000)).toEqual({ earliest: 5_000, likely: 10_000, latest: 20_000 });
});

test('a step that takes longer than was expected makes what is expected of the run worth nothing', () => {
  const plan = {
    nodes: [{ id: 'a', estimate: { p50_ms: 1_000, p90_ms: 2_000 } }],
  } as components['schemas']['Plan'];
  const all = steps({ a: 'running', b: 'pending' });
  all.set('a', { ...newStep('a'), status: 'running', started_at: new Date(0).toISOString() });
  expect(isOverdue(plan, all, 900)).toBe(false);
  expect(isOverdue(plan, all, 1_100)).toBe(true);
  expect(progressOf({ status: 'running' }, { progress: 0.95, counts: {} }, all, true)).toMatchObject({
    share: 0,
    by: 'steps',
  });
});

test('a share of the time is not told as one of the steps, and what the bar says goes by steps', () => {
  const most = steps({ a: 'completed', b: 'completed', c: 'completed', long: 'running' });
  const progress = progressOf({ status: 'running' }, { progress: 0.05, counts: {} }, most);
  expect(progress).toMatchObject({ share: 0.05, counted: 0.75, by: 'estimate' });
  expect(shareSaid(progress)).toMatchObject({ share: 'about 5 %', by: 'by time' });
  expect(shareSaid({ share: 0.75, by: 'steps' })).toMatchObject({ share: '75 %', by: 'of the steps' });
});
