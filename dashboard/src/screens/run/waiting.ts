/** Why a step stands where it stands, as a sentence, and what the steps of a run wait for together. */
import type { components } from '$lib/api/schema';
import { duration } from '$lib/format';
import { lookOf } from '$lib/status';
import { listed } from './english';
import type { Step } from './fold';
import { said } from './paths';

type NextStep = components['schemas']['NextStep'];

/** What lists say of a run, as its steps have it by now. */
export function waitsOfSteps(steps: Iterable<Step>): { waiting_approvals: number; waits_for: string[] } {
  let people = 0;
  const others = new Set<string>();
  for (const { status, reason } of steps) {
    if (status !== 'waiting' || !reason) continue;
    if (reason === 'approval' || reason === 'verdict') people += 1;
    else if (['reconcile', 'signal', 'child', 'time'].includes(reason)) others.add(reason);
  }
  return { waiting_approvals: people, waits_for: [...others] };
}

/** `next` is what the daemon says of it, when it was asked. */
export function stepWhy(
  step: Step,
  steps: ReadonlyMap<string, Step>,
  next: NextStep | undefined,
  now: number,
): string | null {
  /** What is left until a time; nothing once it is over. */
  const left = (at: string | null | undefined) => {
    const ms = at ? Date.parse(at) - now : 0;
    return ms > 0 ? duration(ms) : null;
  };
  switch (step.status) {
    case 'pending': {
      const open = (
        next?.waiting_on ?? step.needs.map((node) => ({ node, status: steps.get(node)?.status ?? 'pending' }))
      )
        .filter(({ status }) => !['completed', 'failed', 'skipped', 'cancelled'].includes(status))
        .map(({ node, status }) => `${said(node)} (${lookOf(status).label.toLowerCase()})`);
      if (open.length > 0) return `It is waiting for ${listed(open)}.`;
      return next ? waitsFor(next) : null;
    }
    case 'ready':
      return (next && waitsFor(next)) ?? 'It could begin, and is waiting for a free slot.';
    case 'retrying':
      return `It is tried again ${left(step.retry_at) ? `in ${left(step.retry_at)}` : 'now'}.`;
    case 'running':
      return step.reason === 'stuck' ? 'It has shown no sign of life for a while.' : null;
    case 'waiting':
      return waiting(step, left(step.until), next);
    case 'skipped':
      return skipped(step.skipped);
    case 'cancelled':
      return step.lost_race ? 'Another branch was faster, and its result is what counts.' : null;
    default:
      return step.compensated ? 'What it did was undone, because the run was cancelled.' : null;
  }
}

function waiting(step: Step, left: string | null, next: NextStep | undefined): string {
  switch (step.reason) {
    case 'approval':
      return `It is waiting for a person${left ? `, for ${left} at most` : ''}.`;
    case 'verdict':
      return 'It is waiting for a person to say whether what came out is good enough.';
    case 'reconcile':
      return 'It was cut off after it may have changed something. Somebody has to say whether it happened.';
    case 'time':
      return left ? `It is waiting for ${left} more.` : 'It is waiting for a time.';
    case 'signal':
      return `It is waiting for ${next?.signal ? `the signal ${next.signal}` : 'a signal'}${left ? `, for ${left} at most` : ''}.`;
    case 'child':
      return 'It is waiting for the run that it started.';
    default:
      return 'It is waiting for a free slot.';
  }
}

function waitsFor(next: NextStep): string | null {
  const { limit } = next;
  if (next.waits_for === 'limit' && limit) {
    const what = {
      max_parallel: `the run makes at most ${limit.max} attempts at a time`,
      parallel: `${limit.name ?? 'its parallel node'} lets at most ${limit.max} of its branches go on at a time`,
      resource: `at most ${limit.max} at a time may hold ${limit.name ?? 'what it needs'}`,
    }[limit.kind];
    return `It is waiting: ${what ?? 'a limit is reached'}.`;
  }
  const said: Record<string, string> = {
    slot: 'It could begin, and is waiting for a free slot.',
    resume: 'It could begin, and is waiting for the run to be resumed.',
    nothing: 'It begins at once.',
  };
  return said[next.waits_for] ?? null;
}

function skipped(why: unknown): string {
  const told = why as { because?: string; condition?: string; chain?: string[] } | null | undefined;
  const chain = told?.chain ?? [];
  switch (told?.because) {
    case 'condition':
      return `It was not needed: its condition ${told.condition ?? ''} was false.`;
    case 'failed':
      return `It could not start: ${said(chain[0] ?? 'a step')} failed${chain.length > 1 ? `, and what was between (${chain.slice(1).map(said).join(', ')}) was skipped` : ''}.`;
    case 'skipped':
      return `It was not needed, since ${said(chain[0] ?? 'a step')} was not.`;
    default:
      return 'It was not needed.';
  }
}
