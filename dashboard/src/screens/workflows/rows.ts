/** What a list of workflows shows of each, and how events change it without reading it again. */
import type { components } from '$lib/api/schema';
import type { Recorded } from '$lib/feed/decode';
import type { RecentRun } from '$lib/ui/run-bars';

export type Row = components['schemas']['WorkflowSummary'] & {
  recent_runs?: RecentRun[] | null;
  counts?: Record<string, number> | null;
};

export type Show = 'all' | 'mine' | 'public' | 'deleted';
export const SHOWS: readonly Show[] = ['all', 'mine', 'public', 'deleted'];
export const RECENT = 20;

const ENDS: Record<string, string> = {
  'run.completed': 'completed',
  'run.failed': 'failed',
  'run.cancelled': 'cancelled',
  'run.paused': 'paused',
  'run.resumed': 'running',
  'run.started': 'running',
};

/** The query of a page. */
export function queryOf(
  q: string,
  show: Show,
): { q?: string; visibility: 'all' | 'mine' | 'public'; deleted?: boolean } {
  return {
    ...(q ? { q } : {}),
    visibility: show === 'mine' || show === 'public' ? show : 'all',
    ...(show === 'deleted' ? { deleted: true } : {}),
  };
}

/** Rows after these events of runs; the same rows when none of them is concerned. */
export function withRuns(rows: Row[], events: readonly Recorded[]): Row[] {
  let changed = rows;
  for (const event of events) {
    const id = event.subject.run;
    if (!id || !event.type.startsWith('run.')) continue;
    if (event.type === 'run.created') {
      const name = workflowOf(event.data);
      changed = mapped(
        changed,
        (row) => row.name === name && !has(row, id),
        (row) => added(row, id, event),
      );
    } else if (ENDS[event.type]) {
      changed = mapped(
        changed,
        (row) => has(row, id),
        (row) => ended(row, id, event),
      );
    }
  }
  return changed;
}

export function workflowOf(data: Record<string, unknown>): string | undefined {
  const workflow = data.workflow;
  if (typeof workflow === 'string') return workflow;
  const name = (workflow as { name?: unknown } | undefined)?.name;
  return typeof name === 'string' ? name : undefined;
}

function has(row: Row, id: string): boolean {
  return row.recent_runs?.some((run) => run.id === id) ?? false;
}

function added(row: Row, id: string, event: Recorded): Row {
  const run = { id, status: 'pending', created_at: event.time.toISOString(), ended_at: null };
  return { ...row, recent_runs: [run, ...(row.recent_runs ?? [])].slice(0, RECENT) };
}

function ended(row: Row, id: string, event: Recorded): Row {
  const status = ENDS[event.type] ?? 'running';
  const isEnd = status === 'completed' || status === 'failed' || status === 'cancelled';
  return {
    ...row,
    recent_runs: (row.recent_runs ?? []).map((run) =>
      run.id === id
        ? { ...run, status, ended_at: isEnd ? event.time.toISOString() : (run.ended_at ?? null) }
        : run,
    ),
  };
}

function mapped(rows: Row[], fits: (row: Row) => boolean, change: (row: Row) => Row): Row[] {
  return rows.some(fits) ? rows.map((row) => (fits(row) ? change(row) : row)) : rows;
}
