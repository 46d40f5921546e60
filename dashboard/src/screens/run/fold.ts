/**
 * What events say about steps. The same reading serves the screen while a run goes on, and the walk back through its events: a run
 * that is live and one that is read again cannot look different.
 */
import type { components } from '$lib/api/schema';

export type Step = components['schemas']['Step'];
export type Failure = components['schemas']['FailureBody'];
export type Span = components['schemas']['Span'];

/** An event as the feed and the list of events have it. */
export interface Told {
  type: string;
  time: Date;
  data: Record<string, unknown>;
}

/** What an event makes of a step. */
export interface Moment {
  path: string;
  status: string;
  reason: string | null;
  attempt: number | null;
  failure: Failure | null;
  /** When it is tried again. */
  retryAt: string | null;
  /** Until when it waits. */
  until: string | null;
  approval: string | null;
  child: string | null;
  agent: string | null;
  items: number | null;
  iteration: number | null;
}

const STATUS: Record<string, string> = {
  'step.scheduled': 'ready',
  'step.started': 'running',
  'step.opened': 'running',
  'step.waiting': 'waiting',
  'step.retrying': 'retrying',
  'step.interrupted': 'ready',
  'step.reconciled': 'ready',
  'step.completed': 'completed',
  'step.failed': 'failed',
  'step.skipped': 'skipped',
  'step.cancelled': 'cancelled',
};

export function pathOf(told: Told): string | null {
  return typeof told.data.step === 'string' && !told.type.startsWith('run.') ? told.data.step : null;
}

export function momentOf(told: Told): Moment | null {
  const path = pathOf(told);
  const status = STATUS[told.type];
  if (path === null || status === undefined) return null;
  const { data } = told;
  const retryAt = text(data.retry_at);
  return {
    path,
    status: told.type === 'step.interrupted' && retryAt ? 'retrying' : status,
    reason: text(data.reason) && told.type === 'step.waiting' ? text(data.reason) : null,
    attempt: number(data.attempt),
    failure: (data.failure as Failure | undefined) ?? null,
    retryAt,
    until: text(data.until),
    approval: text(data.approval),
    child: text((data.child as { run?: unknown } | undefined)?.run),
    agent: text(data.agent),
    items: number(data.items),
    iteration: number(data.iteration),
  };
}

const OVER = new Set(['completed', 'failed', 'skipped', 'cancelled']);

/** A step after an event. */
export function stepAfter(step: Step, moment: Moment, time: Date): Step {
  const at = time.toISOString();
  const over = OVER.has(moment.status);
  const begun = step.started_at ?? (['running', 'waiting'].includes(moment.status) ? at : null);
  return {
    ...step,
    status: moment.status,
    reason: moment.reason,
    until: moment.until,
    approval: moment.approval ?? (moment.status === 'waiting' ? step.approval : null) ?? null,
    retry_at: moment.retryAt,
    agent: moment.agent ?? step.agent ?? null,
    child: moment.child ?? step.child ?? null,
    items: moment.items ?? step.items ?? null,
    iteration: moment.iteration ?? step.iteration,
    attempts:
      moment.status === 'running' && moment.attempt !== null
        ? Math.max(moment.attempt, step.attempts)
        : step.attempts,
    error: moment.failure ?? (moment.status === 'completed' ? null : (step.error ?? null)),
    started_at: begun,
    last_sign_at: moment.status === 'running' ? at : null,
    ended_at: over ? at : null,
    duration_ms: over && begun ? Math.max(0, time.getTime() - Date.parse(begun)) : null,
  };
}

/** A step of which nothing is known but that it is there, until the steps have been read again. */
export function newStep(path: string): Step {
  return {
    path,
    status: 'pending',
    type: '',
    description: '',
    attempts: 0,
    iteration: 1,
    level: 0,
    needs: [],
    compensated: false,
    lost_race: false,
    usage: { input_tokens: 0, output_tokens: 0 },
  };
}

/** Whether an event may have changed more than the step that it is about: then all of them are read again. */
export function changesAll(type: string): boolean {
  return (
    type === 'run.reopened' ||
    type === 'plan.revised' ||
    type === 'step.opened' ||
    type === 'step.compensated' ||
    type === 'run.completed' ||
    type === 'run.failed' ||
    type === 'run.cancelled'
  );
}

/** How the run stands after an event; `null` when it does not say. */
export function runStatusAfter(told: Told): string | null {
  switch (told.type) {
    case 'run.created':
      return 'pending';
    case 'run.paused':
    case 'run.quarantined':
      return 'paused';
    case 'run.resumed':
    case 'run.reopened':
    case 'step.started':
    case 'step.waiting':
    case 'step.opened':
      return 'running';
    case 'run.completed':
      return 'completed';
    case 'run.failed':
      return 'failed';
    case 'run.cancelled':
      return 'cancelled';
    default:
      return null;
  }
}

/** The spans of a run after an event: new ones begin, open ones end. Answers whether anything changed. */
export function foldSpan(spans: Map<string, Span>, told: Told): boolean {
  const { data } = told;
  const at = told.time.toISOString();
  const path = pathOf(told);
  if (told.type === 'approval.requested' && path) {
    const id = String(data.approval);
    spans.set(id, open(id, path, 'approval', 'pending', at, null));
    return true;
  }
  if (told.type === 'approval.decided')
    return close(spans, String(data.approval), String(data.decision), told);
  if (path === null) return false;
  const attempt = number(data.attempt);
  if (attempt === null) return false;
  const id = `${path}@${attempt}`;
  switch (told.type) {
    case 'step.started':
      spans.set(id, open(id, path, 'attempt', 'running', at, text(data.agent)));
      return true;
    case 'step.completed':
      return close(spans, id, 'completed', told);
    case 'step.failed':
    case 'step.retrying':
      return close(spans, id, 'failed', told);
    case 'step.waiting':
      return close(spans, id, data.failure ? 'failed' : 'completed', told);
    case 'step.interrupted':
      return close(spans, id, 'interrupted', told);
    case 'step.cancelled':
      return close(spans, id, 'cancelled', told);
    default:
      return false;
  }
}

function open(
  id: string,
  step: string,
  kind: string,
  outcome: string,
  at: string,
  agent: string | null,
): Span {
  return { id, step, kind, outcome, started_at: at, ended_at: null, duration_ms: 0, agent };
}

function close(spans: Map<string, Span>, id: string, outcome: string, told: Told): boolean {
  const span = spans.get(id);
  if (!span || span.ended_at) return false;
  const duration_ms = Math.max(0, told.time.getTime() - Date.parse(span.started_at));
  spans.set(id, { ...span, outcome, ended_at: told.time.toISOString(), duration_ms });
  return true;
}

function text(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}

function number(value: unknown): number | null {
  return typeof value === 'number' ? value : null;
}
