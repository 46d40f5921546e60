/** What stands on a node, in few words. */
import { count } from '$lib/format';
import { lookOf } from '$lib/status';
import type { FlowState } from './types';

const WAITS: Record<string, string> = {
  approval: 'Waits for a person',
  verdict: 'Waits for a person',
  reconcile: 'Did it happen?',
  slot: 'Waits for a slot',
  time: 'Waits for a time',
  signal: 'Waits for a signal',
  child: 'Runs a workflow',
};

export function say(state: FlowState, took: string | undefined): string {
  const word =
    state.status === 'waiting' && state.reason
      ? (WAITS[state.reason] ?? 'Waiting')
      : state.reason === 'stuck'
        ? 'No sign of life'
        : lookOf(state.status).label;
  if (state.items) {
    const done = state.counts?.completed ?? 0;
    return `${count(done)} of ${count(state.items)}${took ? ` · ${took}` : ''}`;
  }
  return took && state.status !== 'pending' ? `${word} · ${took}` : word;
}

const ORDER = ['completed', 'failed', 'running', 'retrying', 'waiting', 'cancelled', 'skipped'];

/** The parts of a bar that shows how items stand; what has not begun is left free. */
export function shares(
  counts: Readonly<Record<string, number>>,
  items: number,
): { status: string; share: number }[] {
  const total = Math.max(
    items,
    Object.values(counts).reduce((sum, n) => sum + n, 0),
  );
  if (total === 0) return [];
  return ORDER.filter((status) => counts[status]).map((status) => ({
    status,
    share: (counts[status] ?? 0) / total,
  }));
}
