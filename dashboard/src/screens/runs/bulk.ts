/** The same for many runs: who they are, what each would say, and what became of it. */
import { api, data, idempotencyKey } from '$lib/api/client';
import { ApiError } from '$lib/api/problem';
import type { components } from '$lib/api/schema';
import type { Run } from '$lib/runs/words';

export type Action = 'cancel' | 'pause' | 'resume' | 'retry';

export interface Options {
  reason?: string;
  kill?: boolean;
  acknowledge_writes?: boolean;
}

/** One of the runs, with what is needed to say beforehand what it would answer. */
export type Member = Pick<Run, 'id' | 'status' | 'workflow'>;

export interface Refusal {
  code: string;
  detail: string;
  runs: string[];
}

export interface Outcome {
  done: number;
  refusals: Refusal[];
}

export const WORDS: Record<Action, { verb: string; past: string; title: string }> = {
  cancel: { verb: 'Cancel', past: 'cancelled', title: 'Cancel runs' },
  pause: { verb: 'Pause', past: 'paused', title: 'Pause runs' },
  resume: { verb: 'Resume', past: 'resumed', title: 'Resume runs' },
  retry: { verb: 'Retry', past: 'opened again', title: 'Retry failed runs' },
};

/** These are asked in one request of many runs; the others run by run. */
const BATCHED: ReadonlySet<Action> = new Set<Action>(['cancel', 'retry']);
const BATCH = 1000;
const AT_ONCE = 8;
/** More than so many are not collected: whoever means more does it again. */
export const MOST = 10_000;

/** Walks through all runs that a filter finds. */
export async function collect(
  query: Record<string, string>,
  signal: AbortSignal,
  onprogress: (found: number) => void,
): Promise<{ members: Member[]; more: boolean }> {
  const members: Member[] = [];
  let cursor: string | null = null;
  do {
    const page: components['schemas']['PageBody_Run'] = await data(
      api.GET('/api/v1/runs', {
        params: { query: { ...query, limit: 200, ...(cursor ? { cursor } : {}) } },
        signal,
      }),
    );
    members.push(...page.items.map(({ id, status, workflow }) => ({ id, status, workflow })));
    onprogress(members.length);
    cursor = page.next_cursor ?? null;
  } while (cursor && members.length < MOST);
  return { members: members.slice(0, MOST), more: cursor !== null || members.length > MOST };
}

/** What each would answer. Of what no batch can try the status says it. */
export async function preview(
  action: Action,
  members: Member[],
  options: Options,
  signal: AbortSignal,
): Promise<Outcome> {
  if (BATCHED.has(action)) return inBatches(action, members, { ...options, dry_run: true }, signal, () => {});
  const can = (member: Member) =>
    action === 'pause' ? ['pending', 'running'].includes(member.status) : member.status === 'paused';
  const refused = members.filter((member) => !can(member));
  return {
    done: members.length - refused.length,
    refusals: gather(
      refused.map(({ id, status }) => ({ id, code: 'run_state', detail: `the run is ${status}` })),
    ),
  };
}

export async function perform(
  action: Action,
  members: Member[],
  options: Options,
  signal: AbortSignal,
  onprogress: (asked: number) => void,
): Promise<Outcome> {
  if (BATCHED.has(action)) return inBatches(action, members, options, signal, onprogress);
  return oneByOne(action as 'pause' | 'resume', members, options, signal, onprogress);
}

async function inBatches(
  action: Action,
  members: Member[],
  options: Options & { dry_run?: boolean },
  signal: AbortSignal,
  onprogress: (asked: number) => void,
): Promise<Outcome> {
  const refused: Refused[] = [];
  let done = 0;
  for (let at = 0; at < members.length && !signal.aborted; at += BATCH) {
    const ids = members.slice(at, at + BATCH).map((member) => member.id);
    const batch: components['schemas']['Batch'] = await data(
      api.POST('/api/v1/batches', {
        body: { action: action as 'cancel' | 'retry', ids, ...options },
        headers: options.dry_run ? {} : { 'Idempotency-Key': idempotencyKey() },
        signal,
      }),
    );
    done += batch.counts.done;
    batch.items.forEach(
      ({ run, error }) => error && refused.push({ id: run, code: error.code, detail: error.detail }),
    );
    onprogress(Math.min(at + BATCH, members.length));
  }
  return { done, refusals: gather(refused) };
}

async function oneByOne(
  action: 'pause' | 'resume',
  members: Member[],
  { reason }: Options,
  signal: AbortSignal,
  onprogress: (asked: number) => void,
): Promise<Outcome> {
  const refused: Refused[] = [];
  let [next, done, asked] = [0, 0, 0];
  const worker = async () => {
    for (let member = members[next++]; member && !signal.aborted; member = members[next++]) {
      try {
        await ask(action, member.id, reason ? { reason } : {});
        done += 1;
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        refused.push({
          id: member.id,
          code: error.code,
          detail: error.problem.detail ?? error.problem.title,
        });
      }
      onprogress(++asked);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return { done, refusals: gather(refused) };
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
