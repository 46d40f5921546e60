import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Recorded } from '$lib/feed/decode';

const { get, post, listeners } = vi.hoisted(() => ({
  get: vi.fn(),
  post: vi.fn(),
  listeners: new Set<(events: Recorded[]) => void>(),
}));
vi.mock('$lib/api/client', () => ({
  api: { GET: get, POST: post },
  data: async (answer: Promise<{ data: unknown }>) => (await answer).data,
  idempotencyKey: () => 'key',
}));
vi.mock('$lib/state/pulse.svelte', () => ({
  pulse: {
    listen: (listener: (events: Recorded[]) => void) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  },
}));

import { notices } from '$lib/state/notices.svelte';
import { agents } from './agents.svelte';

const probe = { name: 'http-probe', description: '', capabilities: [], enabled: true, managed_by: 'file' };
const event = (type: string, data: object = {}) =>
  ({ kind: 'recorded', type, data, subject: { text: '' } }) as unknown as Recorded;
const tell = (...events: Recorded[]) => listeners.forEach((listener) => listener(events));
let inFlight = 0;
let stop: () => void;

beforeEach(async () => {
  vi.useFakeTimers();
  inFlight = 0;
  get
    .mockReset()
    .mockImplementation(async (path: string) =>
      path === '/api/v1/agents'
        ? { data: { items: [probe] } }
        : { data: { ...probe, statistics: { in_flight: inFlight, finished: 1, failed: 0, since: '' } } },
    );
  post.mockReset().mockResolvedValue({});
  notices.shown = [];
  stop = agents.start();
  await vi.advanceTimersByTimeAsync(10);
});
afterEach(() => {
  stop();
  agents.statistics.clear();
  vi.useRealTimers();
});

const enabled = () => agents.list.value?.[0]?.enabled;
const readsOf = (path: string) => get.mock.calls.filter(([asked]) => asked === path).length;

describe('an agent that is disabled', () => {
  it('is shown so at once, with the reason', async () => {
    const done = agents.switch(probe, false, 'too slow');
    expect(agents.list.value?.[0]).toMatchObject({ enabled: false, disabled_reason: 'too slow' });
    await done;
    expect(enabled()).toBe(false);
    expect(notices.shown.at(-1)?.undo).toBeDefined();
  });

  it('is shown as it was when the daemon refuses, and it is said', async () => {
    post.mockRejectedValue(new Error('no right'));
    const done = agents.switch(probe, false, 'too slow');
    expect(enabled()).toBe(false);
    expect(await done).toBe(false);
    expect(enabled()).toBe(true);
    expect(notices.shown.at(-1)).toMatchObject({ tone: 'bad', text: 'no right' });
  });

  it('by somebody else is read anew', async () => {
    const before = readsOf('/api/v1/agents');
    tell(event('agent.disabled'));
    await vi.advanceTimersByTimeAsync(10);
    expect(readsOf('/api/v1/agents')).toBe(before + 1);
  });
});

describe('statistics', () => {
  const one = '/api/v1/agents/{name}';

  it('are read for agents somebody looks at, and again when they are called and when that ends', async () => {
    const leave = agents.look('http-probe');
    await vi.advanceTimersByTimeAsync(10);
    expect(readsOf(one)).toBe(1);
    inFlight = 1;
    tell(event('step.started', { agent: 'http-probe' }));
    await vi.advanceTimersByTimeAsync(1_100);
    expect(agents.statistics.get('http-probe')?.in_flight).toBe(1);
    inFlight = 0;
    tell(event('step.completed'));
    await vi.advanceTimersByTimeAsync(1_100);
    expect(agents.statistics.get('http-probe')?.in_flight).toBe(0);
    tell(event('step.completed'));
    await vi.advanceTimersByTimeAsync(1_100);
    expect(readsOf(one)).toBe(3);
    leave();
  });

  it('are read at most once a second, however much happens', async () => {
    const leave = agents.look('http-probe');
    await vi.advanceTimersByTimeAsync(10);
    for (let at = 0; at < 100; at++) {
      tell(event('step.started', { agent: 'http-probe' }));
      await vi.advanceTimersByTimeAsync(50);
    }
    expect(readsOf(one)).toBeLessThanOrEqual(7);
    leave();
  });
});
