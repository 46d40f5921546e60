/** The same for many runs: who they are, what each would say, and what became of it. */
import { api, data, idempotencyKey } from '$lib/api/client';
import { count } from '$lib/format';
import type { components } from '$lib/api/schema';
import type { Run } from '$lib/runs/words';

export type Action = 'cancel' | 'pause' | 'resume' | 'retry';

export interface Options {
  reason?: string;
  kill?: boolean;
  acknowledge_writes?: boolean;
}

export interface Refusal {
  code: string;
  detail: string;
  runs: string[];
}

export interface Outcome {
  done: number;
  refusals: Refusal[];
  /** Those that are so already: asking them changes nothing. Known before anything is done. */
  already: string[];
}

export const WORDS: Record<Action, { verb: string; past: string; title: string; means: string }> = {
  cancel: {
    verb: 'Cancel',
    past: 'cancelled',
    title: 'Cancel runs',
    means:
      'Nothing new starts, running attempts are asked to stop, and what the workflow says how to make good is made good.',
  },
  pause: {
    verb: 'Pause',
    past: 'paused',
    title: 'Pause runs',
    means: 'Nothing new starts until they are resumed. Attempts that are under way go on to their end.',
  },
  resume: {
    verb: 'Resume',
    past: 'resumed',
    title: 'Resume runs',
    means: 'Each goes on from where it was.',
  },
  retry: {
    verb: 'Retry',
    past: 'opened again',
    title: 'Retry failed runs',
    means: 'Each is opened again from the steps that failed. What has finished is kept.',
  },
};

/** Whoever is so already answers yes, and is not counted among those to which something happens. */
const ALREADY: Record<Action, { statuses: string[]; word: string }> = {
  cancel: { statuses: ['cancelled'], word: 'cancelled already' },
  pause: { statuses: ['paused'], word: 'paused already' },
  resume: { statuses: ['pending', 'running'], word: 'not paused' },
  retry: { statuses: [], word: '' },
};

export function alreadySo(action: Action, n: number): string {
  return `${count(n)} ${n === 1 ? 'is' : 'are'} ${ALREADY[action].word}.`;
}

/** What one request of many runs takes. */
const BATCH = 1000;
/** More than so many are not collected: whoever means more does it again. */
export const MOST = 10_000;

/** Walks through all runs that a filter finds. */
export async function collect(
  query: Record<string, string>,
  signal: AbortSignal,
  onprogress: (found: number) => void,
): Promise<{ ids: string[]; more: boolean }> {
  const ids: string[] = [];
  let cursor: string | null = null;
  do {
    const page: components['schemas']['PageBody_Run'] = await data(
      api.GET('/api/v1/runs', {
        params: { query: { ...query, limit: 200, ...(cursor ? { cursor } : {}) } },
        signal,
      }),
    );
    ids.push(...page.items.map((run) => run.id));
    onprogress(ids.length);
    cursor = page.next_cursor ?? null;
  } while (cursor && ids.length < MOST);
  return { ids: ids.slice(0, MOST), more: cursor !== null || ids.length > MOST };
}

/** What each would answer; nothing is done. */
export function preview(
  action: Action,
  ids: string[],
  options: Options,
  signal: AbortSignal,
): Promise<Outcome> {
  return inBatches(action, ids, { ...options, dry_run: true }, signal, () => {});
}

export function perform(
  action: Action,
  ids: string[],
  options: Options,
  signal: AbortSignal,
  onprogress: (asked: number) => void,
): Promise<Outcome> {
  return inBatches(action, ids, options, signal, onprogress);
}

async function inBatches(
  action: Action,
  ids: string[],
  options: Options & { dry_run?: boolean },
  signal: AbortSignal,
  onprogress: (asked: number) => void,
): Promise<Outcome> {
  const refused: Refused[] = [];
  const already: string[] = [];
  let done = 0;
  for (let at = 0; at < ids.length && !signal.aborted; at += BATCH) {
    const asked = { action, ids: ids.slice(at, at + BATCH), ...options };
    const batch: components['schemas']['Batch'] = await data(
      api.POST('/api/v1/batches', {
        body: asked,
        headers: options.dry_run ? {} : { 'Idempotency-Key': idempotencyKey() },
        signal,
      }),
    );
    done += batch.counts.done;
    for (const { run, error, status } of batch.items) {
      if (error) refused.push({ id: run, code: error.code, detail: error.detail });
      // What is told afterwards is how each is by then.
      else if (options.dry_run && status && ALREADY[action].statuses.includes(status)) already.push(run);
    }
    onprogress(Math.min(at + BATCH, ids.length));
  }
  return { done: done - already.length, refusals: gather(refused), already };
}

/** Asks one run. */
export async function ask(action: Action, id: string, options: Options = {}): Promise<void> {
  const params = { path: { id } };
  const headers = { 'Idempotency-Key': idempotencyKey() };
  const { reason, kill, acknowledge_writes } = options;
  const why = reason ? { reason } : {};
  switch (action) {
    case 'cancel':
      await api.POST('/api/v1/runs/{id}/cancel', {
        params,
        headers,
        body: { ...why, ...(kill ? { kill } : {}) },
      });
      return;
    case 'pause':
      await api.POST('/api/v1/runs/{id}/pause', { params, headers, body: why });
      return;
    case 'resume':
      await api.POST('/api/v1/runs/{id}/resume', { params, headers, body: {} });
      return;
    case 'retry':
      await api.POST('/api/v1/runs/{id}/retry', {
        params,
        headers,
        body: acknowledge_writes ? { acknowledge_writes } : {},
      });
  }
}

interface Refused {
  id: string;
  code: string;
  detail: string;
}

/** Refusals with the same reason stand together, the most frequent first. */
export function gather(refused: Refused[]): Refusal[] {
  const groups = new Map<string, Refusal>();
  for (const { id, code, detail } of refused) {
    // Details that name the run differ for each; they are one reason all the same.
    const said = detail.replaceAll(id, '').replaceAll(/\s+/g, ' ').trim();
    const key = `${code} ${said}`;
    const group = groups.get(key) ?? { code, detail: said, runs: [] };
    group.runs.push(id);
    groups.set(key, group);
  }
  return [...groups.values()].toSorted((a, b) => b.runs.length - a.runs.length);
}

/** What can be asked of a run where it stands. */
export function actionsFor(run: Pick<Run, 'status' | 'cancel_requested'>): Action[] {
  switch (run.status) {
    case 'pending':
    case 'running':
      return run.cancel_requested ? [] : ['pause', 'cancel'];
    case 'paused':
      return run.cancel_requested ? [] : ['resume', 'cancel'];
    case 'failed':
      return ['retry'];
    default:
      return [];
  }
}
