/** Why a run stands where it stands, as a sentence. */
import type { components } from '$lib/api/schema';
import { duration, plural } from '$lib/format';
import type { Step } from './fold';
import { said } from './paths';

type Run = components['schemas']['Run'];

export interface Why {
  text: string;
  /** The step that one would look at first. */
  step?: string;
  tone: 'plain' | 'ask' | 'bad';
}

const PAUSED: Record<string, string> = {
  operator: 'Somebody paused it. What runs goes on to its end; nothing new starts until it is resumed.',
  budget: 'It is paused because its budget is used up.',
  credential: 'It is paused because a secret was refused.',
  quarantined: 'It was set aside because its actors kept crashing. Resuming releases it.',
  storage: 'It is paused because its events could not be stored.',
  validation: 'It is paused because a rule of validation says so.',
};

const names = (steps: Step[], max = 3) => {
  const shown = steps.slice(0, max).map((step) => said(step.path));
  const more = steps.length - shown.length;
  return more > 0 ? `${shown.join(', ')} and ${more} more` : shown.join(', ');
};

/** A way that was not taken is no failure, and not everything either. */
function completed(skipped: string[]): string {
  if (skipped.length === 0) return 'It completed with everything that it set out for.';
  const named = skipped.slice(0, 3).join(', ');
  return `It completed; left out: ${named}${skipped.length > 3 ? ` and ${skipped.length - 3} more` : ''}.`;
}

/** `now` is the time in milliseconds: some sentences count. */
export function why(run: Run, steps: Iterable<Step>, now: number): Why {
  switch (run.status) {
    case 'failed':
      // The message stands below, where there is room for it.
      return {
        text: run.error?.step ? `It failed at ${said(run.error.step)}.` : 'It failed.',
        ...(run.error?.step ? { step: run.error.step } : {}),
        tone: 'bad',
      };
    case 'completed':
      return run.result === 'partial'
        ? { text: 'It completed in part: some steps failed, and went on without their result.', tone: 'bad' }
        : {
            text: completed(
              [...steps].filter((step) => step.status === 'skipped').map((step) => said(step.path)),
            ),
            tone: 'plain',
          };
    case 'cancelled':
      return run.not_compensated?.length
        ? {
            text: `It was cancelled. What ${run.not_compensated.map(said).join(', ')} did was not made good.`,
            tone: 'bad',
          }
        : { text: 'It was cancelled.', tone: 'plain' };
    case 'paused':
      return { text: PAUSED[run.reason ?? 'operator'] ?? `It is paused: ${run.reason}.`, tone: 'ask' };
  }
  if (run.cancel_requested) {
    return { text: 'It is being cancelled, and ends when its attempts have ended.', tone: 'plain' };
  }
  return live([...steps], now);
}

function live(steps: Step[], now: number): Why {
  const by = (status: string, reason?: string) =>
    steps.filter((step) => step.status === status && (reason === undefined || step.reason === reason));
  // What opens others is under way as long as they are; what they do is what counts.
  const running = by('running').filter((step) => step.type !== 'map' && step.type !== 'loop');
  const people = [...by('waiting', 'approval'), ...by('waiting', 'verdict')];
  const unknown = by('waiting', 'reconcile');
  const stuck = running.filter((step) => step.reason === 'stuck');
  const first = (list: Step[]) => (list[0] ? { step: list[0].path } : {});
  if (unknown.length > 0) {
    return {
      text: `${names(unknown)} was cut off, and nobody knows whether it happened. Somebody has to say so.`,
      ...first(unknown),
      tone: 'ask',
    };
  }
  if (people.length > 0) {
    const since = people[0]?.started_at ? ` for ${duration(now - Date.parse(people[0].started_at))}` : '';
    const also =
      running.length > 0
        ? `; ${plural(running.length, 'other step')} ${running.length === 1 ? 'runs' : 'run'}`
        : '';
    return { text: `${names(people)} waits for a person${since}${also}.`, ...first(people), tone: 'ask' };
  }
  if (stuck.length > 0) {
    return { text: `${names(stuck)} has shown no sign of life for a while.`, ...first(stuck), tone: 'bad' };
  }
  if (running.length > 0) {
    return {
      text: `${names(running)} ${running.length === 1 ? 'runs' : 'run'}.`,
      ...first(running),
      tone: 'plain',
    };
  }
  const retrying = by('retrying');
  if (retrying.length > 0) {
    const next = Math.min(...retrying.map((step) => (step.retry_at ? Date.parse(step.retry_at) : now)));
    const when = next > now ? `in ${duration(next - now)}` : 'now';
    return {
      text: `${names(retrying)} failed and is tried again ${when}.`,
      ...first(retrying),
      tone: 'plain',
    };
  }
  return waits(by('waiting'), by('ready'), now);
}

function waits(waiting: Step[], ready: Step[], now: number): Why {
  const step = waiting[0];
  if (step) {
    const left = step.until ? Date.parse(step.until) - now : null;
    const text = {
      time: `${said(step.path)} waits for a time${left !== null && left > 0 ? `, ${duration(left)} more` : ''}.`,
      signal: `${names(waiting.filter((one) => one.reason === 'signal'))} waits for a signal${left !== null && left > 0 ? `, for ${duration(left)} at most` : ''}.`,
      child: `${names(waiting.filter((one) => one.reason === 'child'))} runs a workflow of its own.`,
      slot: `${names(waiting.filter((one) => one.reason === 'slot'))} waits for a free slot.`,
    }[step.reason ?? ''];
    return { text: text ?? `${said(step.path)} waits.`, step: step.path, tone: 'plain' };
  }
  if (ready[0]) return { text: `${names(ready)} waits for a free slot.`, step: ready[0].path, tone: 'plain' };
  return { text: 'It has not begun.', tone: 'plain' };
}
