/** The events of a run for those who look at them: pages as they are wanted, and the way back through all of them. */
import { api, data } from '$lib/api/client';
import type { Recorded as FeedRecorded } from '$lib/feed/decode';
import type { FlowState } from '$lib/graph/types';
import { EventLog, type Recorded } from './eventlog';
import { History, type Change } from './history';
import type { RunModel } from './model.svelte';
import { itemsBy } from './tally';

export interface Past {
  place: number;
  run: string;
  steps: Map<string, Change>;
  states: ReadonlyMap<string, FlowState>;
}

export class Log {
  events: EventLog;
  history = new History();
  error = $state.raw<unknown>(undefined);
  /** Of `total` so many have been read for the way back. */
  read = $state(0);
  /** How many events there are; `null` until somebody has asked. */
  total = $state<number | null>(null);
  /** Goes up whenever an event has come that may be looked at. */
  version = $state(0);

  #model: RunModel;
  #abort = new AbortController();
  #stopListening: (() => void) | undefined;
  #beginning: Promise<void> | undefined;
  #reading = false;
  #filled = false;

  constructor(model: RunModel) {
    this.#model = model;
    this.events = this.#fresh();
  }

  /** Finds out how many there are, and follows. */
  begin(): Promise<void> {
    this.#beginning ??= this.#begin();
    return this.#beginning;
  }

  /** Reads all events once, in short, and follows: for the walk back. */
  async fill(): Promise<void> {
    if (this.#filled || this.#reading) return;
    this.#reading = true;
    try {
      await this.begin();
      let after = this.history.told.at(-1)?.sequence ?? 0n;
      while (this.history.told.length < (this.total ?? 0) && !this.#abort.signal.aborted) {
        const page = await this.#fetch(after, 1000);
        if (page.length === 0) break;
        this.history.add(page);
        after = page.at(-1)?.sequence ?? after;
        this.read = this.history.told.length;
      }
      this.#filled = !this.#abort.signal.aborted;
      this.error = undefined;
    } catch (error) {
      if (!this.#abort.signal.aborted) this.error = error;
    } finally {
      this.#reading = false;
    }
  }

  /** Fetches events that are wanted on the screen. */
  async want(from: number, to: number): Promise<void> {
    try {
      await this.begin();
      await this.events.ensure(from, to);
      this.version += 1;
      this.error = undefined;
    } catch (error) {
      if (!this.#abort.signal.aborted) this.error = error;
    }
  }

  /** How all stood after an event; `null` for how it stands. */
  statesAt(place: number | null): Past | null {
    if (place === null || this.read === 0) return null;
    const at = Math.min(place, this.read);
    const steps = this.history.stepsAt(at);
    const counts = itemsBy(steps);
    const states = new Map<string, FlowState>();
    for (const { id } of this.#model.graph.nodes) {
      const change = steps.get(id);
      states.set(id, {
        status: change?.status ?? 'pending',
        reason: change?.reason,
        attempts: change?.attempt ?? 0,
        items: change?.items,
        counts: counts.get(id),
      });
    }
    return { place: at, run: this.history.runAt(at), steps, states };
  }

  stop(): void {
    this.#abort.abort();
    this.#stopListening?.();
  }

  async #begin(): Promise<void> {
    const run = this.#model.run;
    if (!run) return;
    this.#stopListening ??= this.#model.listen(
      (events) => this.#came(events),
      () => this.#restart(),
    );
    try {
      const last = this.#model.feed?.seen ?? BigInt(run.sequence);
      await this.events.begin(last);
      this.total = this.events.total;
      this.version += 1;
    } catch (error) {
      this.#beginning = undefined;
      throw error;
    }
  }

  #came(events: FeedRecorded[]): void {
    const recorded = events.map((event): Recorded => ({
      place: Number(event.streamSequence),
      sequence: event.sequence,
      type: event.type,
      time: event.time.toISOString(),
      data: event.data,
    }));
    this.events.add(recorded);
    if (this.#filled) {
      this.history.add(recorded);
      this.read = this.history.told.length;
    }
    this.total = this.events.total;
    this.version += 1;
  }

  /** There was a hole, or the log is another one: what is known is known no more. */
  #restart(): void {
    this.events = this.#fresh();
    this.history = new History();
    [this.read, this.total, this.#beginning] = [0, null, undefined];
    const filled = this.#filled;
    this.#filled = false;
    void (filled ? this.fill() : this.begin());
  }

  #fresh(): EventLog {
    return new EventLog((after, limit) => this.#fetch(after, limit));
  }

  async #fetch(after: bigint, limit: number): Promise<Recorded[]> {
    const params = { path: { id: this.#model.id }, query: { after: String(after), limit } };
    const page = await data(api.GET('/api/v1/runs/{id}/events', { params, signal: this.#abort.signal }));
    return page.items.map((event) => ({
      place: Number(event.streamsequence),
      sequence: BigInt(event.sequence),
      type: event.type,
      time: event.time,
      data: (event.data ?? {}) as Record<string, unknown>,
    }));
  }
}
