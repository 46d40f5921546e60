/** What runs and their steps wait for, in words. */
import type { components } from '$lib/api/schema';
import { isOver } from '$lib/status';

export type Run = components['schemas']['Run'];

export const WAITS: Record<string, string> = {
  approval: 'an answer',
  reconcile: 'somebody to say whether a write happened',
  signal: 'a signal',
  child: 'a run that it started',
  time: 'a time',
};

export const WAIT_NAMES: Record<string, string> = {
  approval: 'Approval',
  reconcile: 'Reconcile',
  signal: 'Signal',
  child: 'Child run',
  time: 'Time',
};

export const REASONS: Record<string, string> = {
  operator: 'paused by somebody',
  budget: 'its budget is used up',
  credential: 'a credential is missing or refused',
  quarantined: 'set aside, its actors kept crashing',
  storage: 'the disk is short of room',
  validation: 'an output did not pass validation',
};

export const REASON_NAMES: Record<string, string> = {
  operator: 'Paused by somebody',
  budget: 'Budget',
  credential: 'Credential',
  quarantined: 'Quarantined',
  storage: 'Storage',
  validation: 'Validation',
};

/** Why it is where it is, in a few words; empty where the status says it all. */
export function why(run: Run): string {
  if (run.error) return run.error.step ? `${run.error.step}: ${run.error.message}` : run.error.message;
  if (run.status === 'paused') return REASONS[run.reason ?? ''] ?? run.reason ?? '';
  if (run.cancel_requested && run.status !== 'cancelled') return 'is being cancelled';
  if (run.status === 'completed') return run.result === 'partial' ? 'a part of its result is missing' : '';
  if (run.status !== 'running') return '';
  const waits = waitsOf(run).map((wait) =>
    wait === 'approval' && run.waiting_approvals > 1
      ? `${run.waiting_approvals} answers`
      : (WAITS[wait] ?? wait),
  );
  return waits.length > 0 ? `waits for ${waits.join(', ')}` : '';
}

/** All that its steps wait for. */
export function waitsOf(run: Pick<Run, 'waiting_approvals' | 'waits_for'>): string[] {
  return [
    ...(run.waiting_approvals > 0 ? ['approval'] : []),
    ...run.waits_for.filter((wait) => wait !== 'approval'),
  ];
}

/** What has to be known to say how a run stands. */
export type Standing = Pick<Run, 'status' | 'waiting_approvals' | 'waits_for' | 'reason' | 'result'>;

/**
 * What stands beside its state: a run that waits for a person says so, whatever else of it goes on and whether it is paused or not.
 * The state itself stays the one by which runs are filtered and counted.
 */
export function markOf(run: Standing): 'needs_you' | 'waiting' | 'partial' | null {
  if (run.status === 'completed') return run.result === 'partial' ? 'partial' : null;
  if (isOver(run.status)) return null;
  const waits = waitsOf(run);
  if (waits.includes('approval') || waits.includes('reconcile') || run.reason === 'quarantined')
    return 'needs_you';
  return waits.length > 0 && run.status === 'running' ? 'waiting' : null;
}

/**
 * From when it was asked for to its end, or to now, as the timeline shows it: a run that was tried again has begun once, and what it
 * waited in between is part of it.
 */
export function took(run: Pick<Run, 'created_at' | 'ended_at'>, now: number): number {
  const begin = new Date(run.created_at).getTime();
  const end = run.ended_at ? new Date(run.ended_at).getTime() : now;
  return Math.max(0, end - begin);
}

export function tokens(run: Run): number {
  return run.usage.input_tokens + run.usage.output_tokens;
}
