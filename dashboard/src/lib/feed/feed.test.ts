import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Live, Recorded } from './decode';
import { FakeSocket } from './fake-socket';
import { Feed, tryNow, type FeedOptions } from './feed.svelte';

let feed: Feed | undefined;
let seen: bigint[];
let batches: number[];
let resets: number;

function open(options: Partial<FeedOptions> = {}): Feed {
  feed = new Feed({
    path: '/api/v1/feed',
    onRecorded: (events: Recorded[]) => {
      batches.push(events.length);
      seen.push(...events.map((event) => event.sequence));
    },
    onReset: () => (resets += 1),
    ...options,
  });
  return feed.open();
}

const after = () => FakeSocket.newest.url.searchParams.get('after');
const pass = (ms: number) => vi.advanceTimersByTime(ms);

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000 });
  vi.stubGlobal('WebSocket', FakeSocket);
  FakeSocket.made = [];
  FakeSocket.drops = 0;
  [seen, batches, resets] = [[], [], 0];
});

afterEach(() => {
  feed?.close();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe('a feed', () => {
  it('says what it wants in its address', () => {
    open({ types: 'run.*,step.*', workflow: 'deploy', label: 'team=ops', live: true, after: 7n });
    const { protocol, pathname, searchParams } = FakeSocket.newest.url;
    expect(protocol).toMatch(/^wss?:$/);
    expect(pathname).toBe('/api/v1/feed');
    expect(Object.fromEntries(searchParams)).toEqual({
      types: 'run.*,step.*',
      workflow: 'deploy',
      label: 'team=ops',
      live: 'true',
      after: '7',
    });
  });

  it('is live once the daemon has said hello, and stale from when the connection is lost', () => {
    const it = open();
    expect(it.state).toBe('connecting');
    FakeSocket.newest.accept();
    expect(it.state).toBe('live');
    FakeSocket.newest.drop();
    expect(it.state).toBe('stale');
    expect(it.staleSince).toBe(1_000_000);
    pass(1_000);
    FakeSocket.newest.accept();
    expect(it.state).toBe('live');
    expect(it.staleSince).toBeNull();
  });

  it('goes on after the last sequence that it saw, of the log that it saw it in', () => {
    open();
    FakeSocket.newest.accept('log-1', 3n).record(4n).record(5n).drop();
    pass(1_000);
    expect(after()).toBe('5');
    expect(FakeSocket.newest.url.searchParams.get('log')).toBe('log-1');
  });

  it('misses nothing when the connection is lost before the first event came', () => {
    open();
    expect(after()).toBeNull();
    FakeSocket.newest.accept('log-1', 41n).drop();
    pass(1_000);
    expect(after()).toBe('41');
  });

  it('of a run begins at its beginning, again as long as nothing came', () => {
    open({ path: '/api/v1/runs/r1/feed' });
    FakeSocket.newest.accept('log-1', 41n).drop();
    pass(1_000);
    expect(after()).toBeNull();
  });

  it('drops what it has seen already', () => {
    open();
    FakeSocket.newest.accept().record(1n).record(2n).record(2n).record(1n).record(3n);
    pass(200);
    expect(seen).toEqual([1n, 2n, 3n]);
  });

  /** S1-5.1n3 */
  it('hands events over together, at most so often', () => {
    open({ coalesce: 100 });
    const socket = FakeSocket.newest.accept();
    for (let at = 1n; at <= 50n; at++) socket.record(at);
    expect(batches).toEqual([]);
    pass(100);
    expect(batches).toEqual([50]);
    socket.record(51n);
    pass(50);
    socket.record(52n);
    pass(50);
    expect(batches).toEqual([50, 2]);
  });

  it('hands the last events over before it is closed', () => {
    const it = open();
    FakeSocket.newest.accept().record(1n);
    it.close();
    expect(seen).toEqual([1n]);
    expect(it.state).toBe('idle');
    pass(60_000);
    expect(FakeSocket.made).toHaveLength(1);
  });

  it('tells of a hole after what came before it, and goes on behind it', () => {
    const told: string[] = [];
    open({
      onRecorded: (events) => told.push(...events.map((event) => String(event.sequence))),
      onReset: () => told.push('reset'),
    });
    FakeSocket.newest
      .accept()
      .record(1n)
      .tell('feed.gap', { from: '1', to: '90', reason: 'retention' })
      .record(91n);
    pass(200);
    expect(told).toEqual(['1', 'reset', '91']);
    FakeSocket.newest.drop();
    pass(1_000);
    expect(after()).toBe('91');
  });

  it('begins anew when the log is another one', () => {
    open();
    FakeSocket.newest.accept('log-1', 500n).record(501n).drop();
    pass(1_000);
    FakeSocket.newest.accept('log-2', 3n).record(4n);
    pass(200);
    expect(resets).toBe(1);
    expect(seen).toEqual([501n, 4n]);
  });

  it('shows live events without giving them a place', () => {
    const live: Live[] = [];
    const it = open({ live: true, onLive: (events) => live.push(...events) });
    FakeSocket.newest.accept('log-1', 8n).tell('step.token', { text: 'a' }).tell('step.token', { text: 'b' });
    pass(200);
    expect(live.map((event) => event.data.text)).toEqual(['a', 'b']);
    expect(it.seen).toBe(8n);
  });

  it('connects anew when the daemon says that it closes', () => {
    open();
    FakeSocket.newest.accept().tell('feed.closing', { reason: 'shutdown' });
    pass(1_000);
    expect(FakeSocket.made).toHaveLength(2);
  });

  it('tells of each connection that is lost or refused', () => {
    let lost = 0;
    open({ onLost: () => (lost += 1) });
    FakeSocket.newest.accept();
    FakeSocket.newest.drop();
    pass(1_000);
    FakeSocket.newest.drop();
    expect(lost).toBe(2);
  });

  it('waits longer after each try in vain, up to a bound, and never in step with others', () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.5);
    open();
    const waits: number[] = [];
    for (let at = 0; at < 9; at++) {
      const tries = FakeSocket.made.length;
      FakeSocket.newest.drop();
      let waited = 0;
      while (FakeSocket.made.length === tries) {
        pass(50);
        waited += 50;
      }
      waits.push(waited);
    }
    expect(waits).toEqual([300, 600, 1200, 2400, 4800, 9600, 10000, 10000, 10000]);

    vi.spyOn(Math, 'random').mockReturnValue(0);
    FakeSocket.newest.drop();
    pass(5_000);
    expect(FakeSocket.made).toHaveLength(11);
  });

  it('tries soon again after a connection that was good, and not after one that ended at once', () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.5);
    open();
    FakeSocket.newest.drop();
    pass(300);
    FakeSocket.newest.accept().drop();
    pass(300);
    expect(FakeSocket.made).toHaveLength(2);
    pass(300);
    FakeSocket.newest.accept();
    pass(6_000);
    FakeSocket.newest.drop();
    pass(300);
    expect(FakeSocket.made).toHaveLength(4);
  });

  it('does not wait when the network is back or somebody looks again', () => {
    open();
    for (let at = 0; at < 8; at++) {
      FakeSocket.newest.drop();
      pass(20_000);
    }
    FakeSocket.newest.drop();
    const tries = FakeSocket.made.length;
    dispatchEvent(new Event('online'));
    expect(FakeSocket.made).toHaveLength(tries + 1);
    dispatchEvent(new Event('online'));
    expect(FakeSocket.made).toHaveLength(tries + 1);
  });

  it('says when it tries again, and tries at once when somebody asks for it', () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.5);
    const it = open();
    for (let at = 0; at < 6; at++) {
      FakeSocket.newest.drop();
      const wait = (it.retryAt ?? 0) - Date.now();
      expect(wait).toBeGreaterThan(0);
      pass(wait);
      expect(it.retryAt).toBeNull();
    }
    FakeSocket.newest.drop();
    const tries = FakeSocket.made.length;
    tryNow();
    expect(FakeSocket.made).toHaveLength(tries + 1);
    expect(it.retryAt).toBeNull();
    // In vain: it goes on soon, and not after the long while from before.
    FakeSocket.newest.drop();
    pass(300);
    expect(FakeSocket.made).toHaveLength(tries + 2);
  });

  it('gives up a connection that was begun without a network once that is back', () => {
    const it = open();
    const stuck = FakeSocket.newest;
    stuck.close = () => {};
    pass(3_000);
    dispatchEvent(new Event('online'));
    expect(FakeSocket.made).toHaveLength(2);
    FakeSocket.newest.accept();
    stuck.drop();
    expect(it.state).toBe('live');
  });

  it('holds no connection while the page is only kept to go back to, and goes on where it was', () => {
    const it = open();
    FakeSocket.newest.accept();
    dispatchEvent(new Event('pagehide'));
    pass(60_000);
    expect([it.state, FakeSocket.made.length]).toEqual(['stale', 1]);
    dispatchEvent(new Event('pageshow'));
    expect(FakeSocket.made).toHaveLength(1);
    dispatchEvent(Object.assign(new Event('pageshow'), { persisted: true }));
    FakeSocket.newest.accept();
    expect([it.state, FakeSocket.made.length]).toEqual(['live', 2]);
  });

  it('does not believe a connection that outlived a sleep of the machine', () => {
    const it = open();
    const dead = FakeSocket.newest.accept();
    dead.close = () => {};
    document.dispatchEvent(new Event('visibilitychange'));
    expect(dead.said).toEqual(['{}']);
    pass(5_000);
    expect(FakeSocket.made).toHaveLength(2);
    FakeSocket.newest.accept();
    expect(it.state).toBe('live');
  });

  it('tells when it is live again, and not when it is for the first time', () => {
    let back = 0;
    open({ onBack: () => (back += 1) });
    FakeSocket.newest.accept();
    expect(back).toBe(0);
    FakeSocket.newest.drop();
    pass(1_000);
    FakeSocket.newest.accept();
    expect(back).toBe(1);
  });

  it('asks a daemon that is silent for a sign of life, and keeps a connection that gives one', () => {
    const it = open();
    const socket = FakeSocket.newest.accept();
    for (let at = 0; at < 20; at++) {
      pass(25_000);
      expect(socket.said).toHaveLength(at + 1);
      socket.tell('feed.error', { code: 'bad_request' });
    }
    expect(it.state).toBe('live');
    expect(FakeSocket.made).toHaveLength(1);
  });

  it('gives up a connection that gives no sign of life, and one that is never made', () => {
    const it = open();
    const socket = FakeSocket.newest.accept();
    // A way that was cut in silence: closing it is not answered either.
    socket.close = () => {};
    pass(35_000);
    expect(it.state).toBe('stale');
    pass(1_000);
    expect(FakeSocket.made).toHaveLength(2);
    FakeSocket.newest.close = () => {};
    pass(12_000);
    expect(FakeSocket.made).toHaveLength(3);
  });

  it('says the last word under each key again after a reconnect', () => {
    const it = open();
    it.say('presence', { presence: { view: 'a' } });
    it.say('presence', { presence: { view: 'b' } });
    FakeSocket.newest.accept();
    expect(FakeSocket.newest.said).toEqual(['{"presence":{"view":"b"}}']);
    FakeSocket.newest.drop();
    pass(1_000);
    FakeSocket.newest.accept();
    expect(FakeSocket.newest.said).toEqual(['{"presence":{"view":"b"}}']);
    it.unsay('presence');
    FakeSocket.newest.drop();
    pass(1_000);
    FakeSocket.newest.accept();
    expect(FakeSocket.newest.said).toEqual([]);
  });

  /** S1-5.1f, S2-3.1d */
  it('shows no gap and no double over a thousand random disconnects', () => {
    const seed = Date.now() % 100_000;
    let state = seed + 1;
    const random = () => {
      state = (state * 48_271) % 2_147_483_647;
      return state / 2_147_483_647;
    };
    vi.spyOn(Math, 'random').mockImplementation(random);
    open({ coalesce: 100 });

    let head = 20n;
    let first: bigint | undefined;
    const more = () => Math.floor(random() * 6);
    const answer = (socket: FakeSocket) => {
      const from = BigInt(after() ?? head);
      socket.accept('log-1', head);
      if (first === undefined) {
        // The first connection is lost before anything came, and things happen meanwhile.
        first = head + 1n;
        head += 3n;
        return socket.drop();
      }
      // Some of it is told twice, and the way may be cut anywhere in what is told again.
      const begin = random() < 0.3 && from > 2n ? from - 2n : from;
      for (let at = begin + 1n; at <= head; at++) {
        if (FakeSocket.drops < 1_000 && random() < 0.03) return socket.drop();
        socket.record(at);
      }
    };
    while (FakeSocket.drops < 1_000 || FakeSocket.newest.readyState !== FakeSocket.OPEN) {
      const socket = FakeSocket.newest;
      if (socket.readyState === FakeSocket.CONNECTING) {
        if (random() < 0.2) socket.drop();
        else answer(socket);
      } else if (socket.readyState === FakeSocket.OPEN) {
        for (let left = more(); left > 0; left--) socket.record(++head);
        if (random() < 0.5) socket.drop();
      } else {
        head += BigInt(more());
      }
      pass(Math.floor(random() * 12_000));
    }
    pass(1_000);
    if (first === undefined) throw new Error('it was never live');
    const begun = first;
    const expected = Array.from({ length: Number(head - first) + 1 }, (_, at) => begun + BigInt(at));
    expect(seen, `seed ${seed}`).toEqual(expected);
    expect(resets).toBe(0);
  });
});
