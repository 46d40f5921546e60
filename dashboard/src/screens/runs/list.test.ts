import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { Recorded } from '$lib/feed/decode';
import type { Run } from '$lib/runs/words';

/** Newest first. */
let runs: Run[] = [];
let asked: Record<string, string>[] = [];
let hear: (events: Recorded[]) => void = () => {};
let back: () => void = () => {};
let isAway = false;

vi.mock('$lib/api/client', () => ({
  data: async (answer: Promise<{ data: unknown }>) => (await answer).data,
  api: {
    GET: async (_path: string, { params }: { params: { query: Record<string, string> } }) => {
      asked.push(params.query);
      if (isAway) throw new Error('away');
      const from = Number(params.query.cursor ?? 0);
      const below = from === 0 ? runs : runs.filter((run) => Number(run.id) < from);
      const items = below.slice(0, 100);
      const last = items.at(-1);
      return { data: { items, next_cursor: below.length > items.length && last ? last.id : null } };
    },
  },
}));
vi.mock('$lib/state/pulse.svelte', () => ({
  pulse: {
    listen: (listener: (events: Recorded[]) => void, reset: () => void) => {
      [hear, back] = [listener, reset];
      return () => {};
    },
  },
}));

const { RunList } = await import('./list.svelte');

const run = (n: number, status = 'running') =>
  ({ id: String(n), status, created_at: new Date(n * 1000).toISOString() }) as Run;
const event = (type: string, n: number) =>
  ({ kind: 'recorded', type, subject: { text: '', run: String(n) } }) as Recorded;
const settled = () => new Promise((done) => setTimeout(done, 5));

beforeEach(() => {
  runs = Array.from({ length: 250 }, (_, at) => run(1250 - at));
  asked = [];
  isAway = false;
});

async function opened() {
  const list = new RunList();
  list.start();
  await list.open({});
  list.look(0, 20, true);
  return list;
}

describe('the list of runs', () => {
  it('is read as far as somebody scrolls', async () => {
    const list = await opened();
    expect(list.rows).toHaveLength(100);
    await list.more();
    await list.more();
    expect(list.rows).toHaveLength(250);
    expect(list.ended).toBe(true);
    await list.more();
    expect(asked).toHaveLength(3);
  });

  it('reads what could not be read once the daemon is back, also while a read goes wrong', async () => {
    const list = await opened();
    isAway = true;
    hear([event('run.completed', 1250)]);
    await settled();
    expect(list.error).toBeTruthy();
    runs = [run(1250, 'completed'), ...runs.slice(1)];
    // Turned away, because the read that goes wrong is still under way.
    hear([event('run.completed', 1250)]);
    isAway = false;
    back();
    await settled();
    expect(list.error).toBeUndefined();
    expect(list.rows[0]?.status).toBe('completed');
  });

  it('that was never read is read once the daemon is back', async () => {
    isAway = true;
    const list = await opened();
    expect([list.loaded, list.error !== undefined]).toEqual([false, true]);
    isAway = false;
    back();
    await settled();
    expect([list.rows.length, list.error]).toEqual([100, undefined]);
  });

  it('shows what is new at once to whoever is at the top', async () => {
    const list = await opened();
    runs = [run(1251), ...runs];
    hear([event('run.created', 1251)]);
    await settled();
    expect(list.rows[0]?.id).toBe('1251');
    expect(list.rows).toHaveLength(101);
  });

  it('does not move whoever has scrolled, and says how many are new', async () => {
    const list = await opened();
    await list.more();
    list.look(120, 140, false);
    runs = [run(1252), run(1251), ...runs];
    hear([event('run.created', 1251), event('run.created', 1252)]);
    await settled();
    expect(list.rows[0]?.id).toBe('1250');
    expect(list.fresh.map((one) => one.id)).toEqual(['1252', '1251']);
    list.showFresh();
    await settled();
    expect(list.rows[0]?.id).toBe('1252');
    expect(list.fresh).toEqual([]);
    expect(new Set(list.rows.map((one) => one.id)).size).toBe(list.rows.length);
  });

  it('reads again only what can be seen', async () => {
    const list = await opened();
    await list.more();
    asked = [];
    runs = runs.map((one) => (one.id === '1100' ? { ...one, status: 'completed' } : one));
    hear([event('run.completed', 1100)]);
    await settled();
    expect(asked).toHaveLength(0);
    list.look(140, 160, false);
    await settled();
    expect(asked).toHaveLength(1);
    expect(list.rows.find((one) => one.id === '1100')?.status).toBe('completed');
  });

  it('takes a change back that the daemon refused', async () => {
    const list = await opened();
    const back = list.optimistic('1250', { status: 'paused' });
    expect(list.rows[0]?.status).toBe('paused');
    back();
    expect(list.rows[0]?.status).toBe('running');
  });
});
