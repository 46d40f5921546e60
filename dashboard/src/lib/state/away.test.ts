import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { away } from './away.svelte';
import { clock } from './clock.svelte';
import { pulse } from './pulse.svelte';

const BEGIN = Date.parse('2026-11-20T10:00:00Z');
const lose = () => {
  pulse.feed.state = 'stale';
  pulse.feed.staleSince = Date.now();
};

beforeEach(() => void vi.useFakeTimers({ now: BEGIN }));
afterEach(() => {
  pulse.feed.state = 'idle';
  pulse.feed.staleSince = null;
  vi.useRealTimers();
});

test('clocks of what runs stand still while the daemon is away, and those of what was do not', () => {
  vi.advanceTimersByTime(1_000);
  lose();
  vi.advanceTimersByTime(60_000);
  expect(clock.now).toBe(BEGIN + 1_000);
  expect(clock.wall).toBe(BEGIN + 61_000);
  pulse.feed.staleSince = null;
  expect(clock.now).toBe(BEGIN + 61_000);
});

test('a daemon that is back at once was not away', () => {
  lose();
  vi.advanceTimersByTime(1_000);
  expect(away.is).toBe(false);
  vi.advanceTimersByTime(1_000);
  expect(away.is).toBe(true);
  expect(away.since).toBe(BEGIN);
  pulse.feed.state = 'live';
  pulse.feed.staleSince = null;
  expect(away.is).toBe(false);
});
