/**
 * The one feed of everything that each page shares: who wants to know listens. It also says whether the dashboard is live.
 */
import { session } from './session.svelte';
import { Feed } from '$lib/feed/feed.svelte';
import type { Live, Recorded } from '$lib/feed/decode';

type Listener = (events: Recorded[]) => void;

class Pulse {
  #listeners = new Set<Listener>();
  #live = new Set<(events: Live[]) => void>();
  #resets = new Set<() => void>();
  feed = new Feed({
    path: '/api/v1/feed',
    coalesce: 150,
    onRecorded: (events) => this.#listeners.forEach((listener) => listener(events)),
    onLive: (events) => this.#live.forEach((listener) => listener(events)),
    onReset: () => this.#resets.forEach((reset) => reset()),
    // What could not be read while the daemon was away would stay so until something happens.
    onBack: () => this.#resets.forEach((reset) => reset()),
    // It may be that the login has ended, with the daemon or by itself.
    onLost: () => void session.check(),
  });

  start(): void {
    this.feed.open();
  }

  stop(): void {
    this.feed.close();
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
