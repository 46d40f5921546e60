/**
 * The list of runs that is on the screen. It is read in pages as far as somebody scrolls, and what events say has changed is read
 * again where it can be seen. Whoever has scrolled is not moved: new runs wait until they are asked for.
 */
import { api, data } from '$lib/api/client';
import type { Recorded } from '$lib/feed/decode';
import type { Run } from '$lib/runs/words';
import { pulse } from '$lib/state/pulse.svelte';
import { flat, pageOf, pagesWithin, placed, reread, type Page, type Read } from './pages';

const LIMIT = 100;
/** A rare filter looks at many rows and finds none; after so many tries in a row it asks before it goes on. */
const EMPTY_TRIES = 25;

export class RunList {
  pages = $state.raw<Page[] | null>(null);
  /** New ones that are not shown yet. */
  fresh = $state.raw<Run[]>([]);
  /** More than a page is new: how many is not known. */
  freshIsMore = $state(false);
  error = $state.raw<unknown>(undefined);
  looking = $state(false);
  /** Nothing was found for long: going on is for somebody to say. */
  tired = $state(false);
  rows = $derived(this.pages ? flat(this.pages) : []);

  #query: Record<string, string> = {};
  #abort = new AbortController();
  #busy = false;
  /** Somebody was turned away meanwhile. */
  #again = false;
  #view = { first: 0, last: 0, atTop: true };
  #tries = 0;

  get loaded(): boolean {
    return this.pages !== null;
  }

  get ended(): boolean {
    return this.pages !== null && this.pages.at(-1)?.next === null;
  }

  /** Follows what happens; answers how to stop. */
  start(): () => void {
    const stop = pulse.listen(
      (events) => this.#heard(events),
      () => this.#anew(),
    );
    return () => {
      stop();
      this.#abort.abort();
    };
  }

  /** Shows the runs of another filter. */
  async open(query: Record<string, string>): Promise<void> {
    this.#abort.abort();
    this.#abort = new AbortController();
    this.#query = query;
    this.#busy = false;
    this.#tries = 0;
    this.pages = null;
    this.fresh = [];
    this.freshIsMore = false;
    this.tired = false;
    this.error = undefined;
    await this.#guarded(async (signal) => {
      const read = await this.#read(null, signal);
      if (!signal.aborted) this.pages = [pageOf(null, read)];
    });
  }

  /** Which rows can be seen. */
  look(first: number, last: number, atTop: boolean): void {
    this.#view = { first, last, atTop };
    if (atTop && this.fresh.length > 0) this.showFresh();
    else void this.#pump();
  }

  showFresh(): void {
    this.#view = { ...this.#view, first: 0, atTop: true };
    this.fresh = [];
    this.freshIsMore = false;
    this.#spoil((_, at) => at === 0);
  }

  async more(): Promise<void> {
    const last = this.pages?.at(-1);
    if (!last || last.next === null || this.looking || this.tired || this.error) return;
    const cursor = last.next;
    this.looking = true;
    await this.#guarded(async (signal) => {
      const read = await this.#read(cursor, signal);
      if (signal.aborted || !this.pages) return;
      this.#tries = read.items.length === 0 ? this.#tries + 1 : 0;
      this.tired = this.#tries >= EMPTY_TRIES;
      const before = this.pages.at(-1);
      // A page without rows is no page: the one before reaches to where it ended.
      this.pages =
        read.items.length === 0 && before
          ? [...this.pages.slice(0, -1), { ...before, next: read.next_cursor ?? null }]
          : [...this.pages, pageOf(cursor, read)];
    });
    this.looking = false;
  }

  goOn(): void {
    this.#tries = 0;
    this.tired = false;
    this.error = undefined;
    if (this.pages === null) void this.open(this.#query);
    else void this.more();
  }

  /** Shows a change before the daemon has said that it is one; the answer is the way back. */
  optimistic(id: string, change: Partial<Run>): () => void {
    const before = this.rows.find((run) => run.id === id);
    if (!before) return () => {};
    const during = { ...before, ...change };
    this.#swap(before, during);
    return () => this.#swap(during, before);
  }

  #swap(from: Run, to: Run): void {
    const at = this.pages?.findIndex((page) => page.items.includes(from)) ?? -1;
    if (!this.pages || at < 0) return;
    this.pages = this.pages.map((page, index) =>
      index === at ? { ...page, items: page.items.map((run) => (run === from ? to : run)) } : page,
    );
  }

  #heard(events: Recorded[]): void {
    if (!this.pages) return;
    const touched = new Set(events.flatMap((event) => event.subject.run ?? []));
    if (touched.size === 0) return;
    const created = new Set(
      events.flatMap((event) => (event.type === 'run.created' ? (event.subject.run ?? []) : [])),
    );
    const known = new Set(this.rows.map((run) => run.id));
    // A run that is not shown may fit from now on, anywhere; one that was created just now stands at the top.
    const anywhere =
      Object.keys(this.#query).length > 0 && [...touched].some((id) => !known.has(id) && !created.has(id));
    const atTop = [...created].some((id) => !known.has(id));
    this.#spoil(
      (page, at) => anywhere || (atTop && at === 0) || page.items.some((run) => touched.has(run.id)),
    );
  }

  /** Nothing that was read counts any more; what could not be read is tried again. */
  #anew(): void {
    if (this.pages === null && this.error) void this.open(this.#query);
    else this.#spoil(() => true);
  }

  #spoil(which: (page: Page, at: number) => boolean): void {
    if (!this.pages) return;
    this.pages = this.pages.map((page, at) =>
      !page.stale && which(page, at) ? { ...page, stale: true } : page,
    );
    void this.#pump();
  }

  /** Reads again what is stale and can be seen, one after another. The top is watched even from afar, for what is new. */
  async #pump(): Promise<void> {
    if (this.#busy) {
      this.#again = true;
      return;
    }
    this.#busy = true;
    this.#again = false;
    const signal = this.#abort.signal;
    await this.#guarded(async () => {
      try {
        for (let page = this.#staleInView(); page && !signal.aborted; page = this.#staleInView()) {
          const { cursor } = page;
          // It counts as read from here on: what happens meanwhile makes it stale again.
          this.pages = this.pages?.map((one) => (one === page ? { ...one, stale: false } : one)) ?? null;
          const read = await this.#read(cursor, signal).catch((error: unknown) => {
            this.pages =
              this.pages?.map((one) => (one.cursor === cursor ? { ...one, stale: true } : one)) ?? null;
            throw error;
          });
          if (!signal.aborted) this.#place(cursor, read);
        }
      } finally {
        // In the same moment in which nothing more was found, so that nobody is turned away in between.
        if (signal === this.#abort.signal) this.#busy = false;
      }
    });
    // After a read that went wrong the others are still to be read, if somebody has asked for them since.
    if (this.#again && !signal.aborted && this.error) void this.#pump();
  }

  #staleInView(): Page | undefined {
    const pages = this.pages ?? [];
    const seen = [0, ...pagesWithin(pages, this.#view.first, this.#view.last)];
    return seen.map((at) => pages[at]).find((page) => page?.stale);
  }

  #place(cursor: string | null, read: Read): void {
    const at = this.pages?.findIndex((page) => page.cursor === cursor) ?? -1;
    const page = this.pages?.[at];
    if (!this.pages || !page) return;
    const { page: after, fresh } = reread(page, read, at === 0 && !this.#view.atTop);
    if (at === 0) {
      this.fresh = fresh;
      this.freshIsMore = fresh.length > 0 && fresh.length === read.items.length && Boolean(read.next_cursor);
    }
    this.pages = placed(this.pages, at, { ...after, stale: page.stale }, read);
  }

  async #guarded(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const signal = this.#abort.signal;
    try {
      await work(signal);
      if (!signal.aborted) this.error = undefined;
    } catch (error) {
      if (!signal.aborted) this.error = error;
    }
  }

  async #read(cursor: string | null, signal: AbortSignal): Promise<Read> {
    const query = { ...this.#query, limit: LIMIT, ...(cursor === null ? {} : { cursor }) };
    return data(api.GET('/api/v1/runs', { params: { query }, signal }));
  }
}
