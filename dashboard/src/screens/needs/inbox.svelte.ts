/** What waits for a person now. It is read anew when events say so; what somebody has just answered is gone at once, and comes back
 * when the daemon refuses. */
import { api, data } from '$lib/api/client';
import type { Approval } from '$lib/approvals/approval';
import type { Run } from '$lib/runs/words';
import { Loaded } from '$lib/state/load.svelte';
import { pulse } from '$lib/state/pulse.svelte';
import { SvelteSet } from 'svelte/reactivity';
import { approvalItem, inOrder, quarantineItem, reconcileItem, type Item } from './items';

/** More than so many questions are not shown at once. */
const MOST = 1000;

interface Found {
  items: Item[];
  more: boolean;
}

export class Inbox {
  #found = new Loaded<Found>(read);
  /** Answered here, and not yet confirmed by what is read. */
  #gone = new SvelteSet<string>();

  items = $derived(
    inOrder(
      (this.#found.value?.items ?? []).filter((item) => !this.#gone.has(item.key)),
      Date.now(),
    ),
  );

  get loaded(): boolean {
    return this.#found.value !== undefined;
  }

  get more(): boolean {
    return this.#found.value?.more ?? false;
  }

  get error(): unknown {
    return this.#found.error;
  }

  refresh(): Promise<void> {
    return this.#found.refresh();
  }

  start(): () => void {
    void this.refresh();
    const stop = pulse.listen(
      (events) => {
        if (events.some((event) => event.subject.run !== undefined)) void this.refresh();
      },
      () => void this.refresh(),
    );
    return () => {
      stop();
      this.#found.stop();
    };
  }

  /** Takes it off the list; the answer puts it back. */
  take(key: string): () => void {
    this.#gone.add(key);
    return () => this.#gone.delete(key);
  }
}

async function read(signal: AbortSignal): Promise<Found> {
  const [approvals, reconcile, quarantined] = await Promise.all([
    pending(signal),
    runs({ waits_for: 'reconcile' }, signal),
    runs({ reason: 'quarantined' }, signal),
  ]);
  return {
    items: [
      ...approvals.items.map(approvalItem),
      ...reconcile.map(reconcileItem),
      ...quarantined.map(quarantineItem),
    ],
    more: approvals.more,
  };
}

async function pending(signal: AbortSignal): Promise<{ items: Approval[]; more: boolean }> {
  const items: Approval[] = [];
  let cursor: string | null | undefined;
  do {
    const page: { items: Approval[]; next_cursor?: string | null } = await data(
      api.GET('/api/v1/approvals', {
        params: { query: { status: 'pending', limit: 200, ...(cursor ? { cursor } : {}) } },
        signal,
      }),
    );
    items.push(...page.items);
    cursor = page.next_cursor;
  } while (cursor && items.length < MOST);
  return { items, more: Boolean(cursor) };
}

async function runs(filter: Record<string, string>, signal: AbortSignal): Promise<Run[]> {
  const query = { ...filter, limit: 200 };
  return (await data(api.GET('/api/v1/runs', { params: { query }, signal }))).items;
}
