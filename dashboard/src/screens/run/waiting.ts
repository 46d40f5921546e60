/** Why a step stands where it stands, as a sentence. */
import type { components } from '$lib/api/schema';
import { duration } from '$lib/format';
import { lookOf } from '$lib/status';
import type { Step } from './fold';
import { said } from './paths';

type NextStep = components['schemas']['NextStep'];

/** `next` is what the daemon says of it, when it was asked. */
export function stepWhy(
  step: Step,
  steps: ReadonlyMap<string, Step>,
  next: NextStep | undefined,
  now: number,
): string | null {
  const left = (at: string | null | undefined) => (at ? duration(Math.max(0, Date.parse(at) - now)) : null);
  switch (step.status) {
    case 'pending': {
      const open = (
        next?.waiting_on ?? step.needs.map((node) => ({ node, status: steps.get(node)?.status ?? 'pending' }))
      )
        .filter(({ status }) => !['completed', 'failed', 'skipped', 'cancelled'].includes(status))
        .map(({ node, status }) => `${said(node)} (${lookOf(status).label.toLowerCase()})`);
      if (open.length > 0) return `Waits for ${listed(open)}.`;
      return next ? waitsFor(next) : null;
    }
    case 'ready':
      return (next && waitsFor(next)) ?? 'It could begin, and waits for a free slot.';
    case 'retrying':
      return `Is tried again ${left(step.retry_at) ? `in ${left(step.retry_at)}` : 'at once'}.`;
    case 'running':
      return step.reason === 'stuck' ? 'It has shown no sign of life for a while.' : null;
    case 'waiting':
      return waiting(step, left(step.until), next);
    case 'skipped':
      return skipped(step.skipped);
    case 'cancelled':
      return step.lost_race ? 'Another branch was faster, and its result is what counts.' : null;
    default:
      return step.compensated ? 'What it did was made good.' : null;
  }
}

function waiting(step: Step, left: string | null, next: NextStep | undefined): string {
  switch (step.reason) {
    case 'approval':
      return `Waits for a person${left ? `, for ${left} more` : ''}.`;
    case 'verdict':
      return 'Waits for a person to say whether what came out is good enough.';
    case 'reconcile':
      return 'It was cut off after it may have changed something. Somebody has to say whether it happened.';
    case 'time':
      return left ? `Waits for ${left} more.` : 'Waits for a time.';
    case 'signal':
      return `Waits for ${next?.signal ? `the signal ${next.signal}` : 'a signal'}${left ? `, for ${left} at most` : ''}.`;
    case 'child':
      return 'Waits for the run that it started.';
    default:
      return 'Waits for a free slot.';
  }
}

function waitsFor(next: NextStep): string | null {
  const { limit } = next;
  if (next.waits_for === 'limit' && limit) {
    const what = {
      max_parallel: `the run makes ${limit.max} attempts at a time at most`,
      parallel: `${limit.name ?? 'its parallel node'} lets ${limit.max} of its branches go on at a time`,
      resource: `${limit.max} at a time may hold ${limit.name ?? 'what it needs'}`,
    }[limit.kind];
    return `Waits: ${what ?? 'a limit is reached'}.`;
  }
  const said: Record<string, string> = {
    slot: 'It could begin, and waits for a free slot.',
    resume: 'It could begin, and waits for the run to be resumed.',
    nothing: 'It begins at once.',
  };
  return said[next.waits_for] ?? null;
}

function skipped(why: unknown): string {
  const told = why as { because?: string; condition?: string; chain?: string[] } | null | undefined;
  const chain = told?.chain ?? [];
  switch (told?.because) {
    case 'condition':
      return `Was not needed: its condition was false (${told.condition ?? ''}).`;
    case 'failed':
      return `Could not start: ${said(chain[0] ?? 'a step')} failed${chain.length > 1 ? `, and what was between (${chain.slice(1).map(said).join(', ')}) was skipped` : ''}.`;
    case 'skipped':
      return `Was not needed: ${said(chain[0] ?? 'a step')} was not.`;
    default:
      return 'Was not needed.';
  }
}

function listed(words: string[]): string {
  return words.length <= 4
    ? words.join(', ')
    : `${words.slice(0, 3).join(', ')} and ${words.length - 3} more`;
}
