/** The list of workflows: read in pages, kept up to date by events, changed at once by what somebody does here. */
import { api, data, idempotencyKey } from '$lib/api/client';
import { notices } from '$lib/state/notices.svelte';
import { pulse } from '$lib/state/pulse.svelte';
import { queryOf, RECENT, withRuns, type Row, type Show } from './rows';

const LIMIT = 60;
/** A page may hold none that are wanted; so many are read for one that does. */
const PAGES_MAX = 10;

export class WorkflowList {
  rows = $state.raw<Row[] | null>(null);
  next = $state.raw<string | null>(null);
  error = $state.raw<unknown>(undefined);
  loading = $state(false);

  #q = '';
  #show: Show = 'all';
  #abort = new AbortController();
  #again: ReturnType<typeof setTimeout> | undefined;

  start(): () => void {
    const stop = pulse.listen(
      (events) => {
        if (this.rows) this.rows = withRuns(this.rows, events);
        if (events.some((event) => event.type.startsWith('workflow.'))) this.#soon();
      },
      () => this.#soon(),
    );
    return () => {
      stop();
      clearTimeout(this.#again);
      this.#abort.abort();
    };
  }

  async open(q: string, show: Show): Promise<void> {
    [this.#q, this.#show] = [q, show];
    this.rows = null;
    await this.refresh();
  }

  /** Reads as much as is shown, anew. */
  async refresh(): Promise<void> {
    const wanted = Math.max(LIMIT, this.rows?.length ?? 0);
    await this.#guarded(async (signal) => {
      let rows: Row[] = [];
      let cursor: string | null = null;
      for (let page = 0; page < PAGES_MAX; page += 1) {
        const read = await this.#page(cursor, signal);
        rows = [...rows, ...read.rows];
        cursor = read.next;
        if (cursor === null || rows.length >= wanted) break;
      }
      if (signal.aborted) return;
      this.rows = rows;
      this.next = cursor;
    });
  }

  async more(): Promise<void> {
    if (this.next === null || this.loading) return;
    await this.#guarded(async (signal) => {
      const read = await this.#page(this.next, signal);
      if (signal.aborted) return;
      const known = new Set(this.rows?.map((row) => row.name));
      this.rows = [...(this.rows ?? []), ...read.rows.filter((row) => !known.has(row.name))];
      this.next = read.next;
    });
  }

  async remove(name: string): Promise<void> {
    const before = this.rows;
    this.rows = before?.filter((row) => row.name !== name) ?? null;
    try {
      await api.DELETE('/api/v1/workflows/{name}', { params: { path: { name } } });
      notices.say({
        tone: 'good',
        title: `${name} was deleted`,
        text: 'It takes no new runs. Its versions and runs stay.',
        undo: () => void this.restore(name),
      });
    } catch (error) {
      this.rows = before;
      notices.failed(`${name} could not be deleted`, error);
    }
  }

  async restore(name: string): Promise<void> {
    try {
      await data(api.POST('/api/v1/workflows/{name}/restore', { params: { path: { name } } }));
      notices.say({ tone: 'good', title: `${name} is back` });
      await this.refresh();
    } catch (error) {
      notices.failed(`${name} could not be restored`, error);
    }
  }

  async #page(cursor: string | null, signal: AbortSignal): Promise<{ rows: Row[]; next: string | null }> {
    const query = {
      ...queryOf(this.#q, this.#show),
      limit: LIMIT,
      recent: RECENT,
      ...(cursor ? { cursor } : {}),
    };
    const page = await data(api.GET('/api/v1/workflows', { params: { query }, signal }));
    const rows = page.items as Row[];
    return {
      rows: this.#show === 'deleted' ? rows.filter((row) => row.deleted) : rows,
      next: page.next_cursor ?? null,
    };
  }

  async #guarded(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    this.#abort.abort();
    const abort = new AbortController();
    this.#abort = abort;
    this.loading = true;
    try {
      await work(abort.signal);
      this.error = undefined;
    } catch (error) {
      if (!abort.signal.aborted) this.error = error;
    } finally {
      if (this.#abort === abort) this.loading = false;
    }
  }

  /** Several changes in a row are one read. */
  #soon(): void {
    clearTimeout(this.#again);
    this.#again = setTimeout(() => void this.refresh(), 200);
  }
}

/** Saves a document as a workflow. */
export async function saveSample(text: string): Promise<string> {
  const saved = await data(
    api.POST('/api/v1/workflows', {
      body: text as never,
      bodySerializer: (body: unknown) => body as string,
      headers: { 'Content-Type': 'application/yaml', 'Idempotency-Key': idempotencyKey() },
      params: { query: { message: 'A sample' } },
    }),
  );
  return saved.name;
}
