/**
 * The one feed of everything that each page shares: who wants to know subscribes by type. It also says whether the dashboard is live,
 * and counts what waits for a person.
 */
import { api, data } from '$lib/api/client';
import { session } from './session.svelte';
import { Feed } from '$lib/feed/feed.svelte';
import type { Live, Recorded } from '$lib/feed/decode';

type Listener = (events: Recorded[]) => void;

class Pulse {
  needsYou = $state<number | null>(null);
  #listeners = new Set<Listener>();
  #live = new Set<(events: Live[]) => void>();
  #resets = new Set<() => void>();
  feed = new Feed({
    path: '/api/v1/feed',
    coalesce: 150,
    onRecorded: (events) => this.#listeners.forEach((listener) => listener(events)),
    onLive: (events) => this.#live.forEach((listener) => listener(events)),
    onReset: () => this.#resets.forEach((reset) => reset()),
    // It may be that the login has ended, with the daemon or by itself.
    onLost: () => void session.check(),
  });

  start(): void {
    this.feed.open();
  }

  /** Hears of everything that is recorded, and of holes after which everything has to be read anew. Answers how to stop. */
  listen(listener: Listener, onReset?: () => void): () => void {
    this.#listeners.add(listener);
    if (onReset) this.#resets.add(onReset);
    return () => {
      this.#listeners.delete(listener);
      if (onReset) this.#resets.delete(onReset);
    };
  }

  /** Says something to the daemon, again after each reconnect; the last word under each key counts. */
  say(key: string, message: unknown): void {
    this.feed.say(key, message);
  }

  unsay(key: string): void {
    this.feed.unsay(key);
  }

  /** Hears of what is shown and not recorded: on this feed, who is present. */
  listenLive(listener: (events: Live[]) => void): () => void {
    this.#live.add(listener);
    return () => this.#live.delete(listener);
  }
}

export const pulse = new Pulse();

/** How many questions are open; at most so many are counted. */
export async function countOpen(signal?: AbortSignal): Promise<number> {
  const page = await data(
    api.GET('/api/v1/approvals', {
      params: { query: { status: 'pending', limit: 200 } },
      ...(signal ? { signal } : {}),
    }),
  );
  return page.items.length;
}
