/** Why a run stands where it stands, as a sentence. */
import { count, duration, plural } from '$lib/format';
import type { Run } from './coming';
import { listed, verb } from './english';
import type { Step } from './fold';
import { isItem, ownerOf, said } from './paths';

export interface Why {
  text: string;
  /** What somebody wrote about it. It is shown as their words. */
  quote?: string;
  /** The step that one would look at first. */
  step?: string;
  tone: 'plain' | 'ask' | 'bad';
}

const PAUSED: Record<string, string> = {
  operator: 'Somebody paused it. What is running goes on to its end; nothing new starts until it is resumed.',
  budget: 'It is paused because its budget is used up.',
  credential: 'It is paused because a secret was refused.',
  quarantined:
    'It was set aside because its actors kept crashing. Nothing of it runs until somebody resumes it.',
  storage: 'It is paused because its events could not be stored.',
  validation: 'It is paused because an output did not pass validation.',
};

const NAMED_MAX = 3;

function names(steps: Step[]): string {
  const owners = new Set(steps.map((step) => (isItem(step.path) ? ownerOf(step.path) : null)));
  const [owner] = owners;
  // Of many items of one map nobody wants three names.
  if (steps.length > NAMED_MAX && owners.size === 1 && owner)
    return `${count(steps.length)} items of ${said(owner)}`;
  return listed(
    steps.map((step) => said(step.path)),
    NAMED_MAX,
  );
}

const quoted = (text: string | null | undefined) => (text?.trim() ? { quote: text.trim() } : {});

/** A way that was not taken is no failure, and not everything either. */
function completed(skipped: string[]): string {
  return skipped.length === 0
    ? 'It completed with everything that it set out to do.'
    : `It completed. Not needed: ${listed(skipped)}.`;
}

/** What was to undo a step says best why it did not; of one that nobody tried to undo there is the step itself. */
function undoing(path: string | undefined, steps: Iterable<Step>): { step?: string } {
  if (path === undefined) return {};
  const tried = [...steps].find((step) => step.path === `${path}.compensate`);
  return { step: tried?.path ?? path };
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
        ? { text: 'It completed in part: some of its work failed, and it went on without it.', tone: 'bad' }
        : {
            text: completed(
              [...steps].filter((step) => step.status === 'skipped').map((step) => said(step.path)),
            ),
            tone: 'plain',
          };
    case 'cancelled':
      return run.not_compensated?.length
        ? {
            text: `It was cancelled, and what ${listed(run.not_compensated.map(said))} did was not undone.`,
            ...quoted(run.cancel_reason),
            ...undoing(run.not_compensated[0], steps),
            tone: 'bad',
          }
        : { text: 'It was cancelled.', ...quoted(run.cancel_reason), tone: 'plain' };
    case 'paused': {
      const text = PAUSED[run.reason ?? 'operator'] ?? `It is paused: ${run.reason}.`;
      return { text, ...quoted(run.pause_message), tone: 'ask' };
    }
  }
  if (run.cancel_requested) {
    const text = 'It is being cancelled, and ends when what is running has ended.';
    return { text, ...quoted(run.cancel_reason), tone: 'plain' };
  }
  const all = [...steps];
  const failed = all.filter((step) => step.status === 'failed' && !step.path.includes('.'));
  const told = live(all, now);
  // What failed while others go on is not to be looked for.
  return failed.length === 0
    ? told
    : {
        ...told,
        text: told.step ? `${names(failed)} failed; ${told.text}` : `${names(failed)} failed.`,
        tone: told.tone === 'ask' ? 'ask' : 'bad',
      };
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
      text: `${names(unknown)} ${verb(unknown.length, 'was', 'were')} cut off, and nobody knows whether it happened. Somebody has to say so.`,
      ...first(unknown),
      tone: 'ask',
    };
  }
  if (people.length > 0) {
    const since = people[0]?.started_at ? ` for ${duration(now - Date.parse(people[0].started_at))}` : '';
    const also =
      running.length > 0
        ? `; ${plural(running.length, 'other step')} ${verb(running.length, 'is', 'are')} running`
        : '';
    return {
      text: `${names(people)} ${verb(people.length, 'has', 'have')} been waiting for a person${since}${also}.`,
      ...first(people),
      tone: 'ask',
    };
  }
  if (stuck.length > 0) {
    return {
      text: `${names(stuck)} ${verb(stuck.length, 'has', 'have')} shown no sign of life for a while.`,
      ...first(stuck),
      tone: 'bad',
    };
  }
  if (running.length > 0) {
    return {
      text: `${names(running)} ${verb(running.length, 'is', 'are')} running.`,
      ...first(running),
      tone: 'plain',
    };
  }
  const retrying = by('retrying');
  if (retrying.length > 0) {
    const next = Math.min(...retrying.map((step) => (step.retry_at ? Date.parse(step.retry_at) : now)));
    const when = next > now ? `in ${duration(next - now)}` : 'now';
    return {
      text: `${names(retrying)} failed and ${verb(retrying.length, 'is', 'are')} tried again ${when}.`,
      ...first(retrying),
      tone: 'plain',
    };
  }
  return waits(by('waiting'), by('ready'), now);
}

function waits(waiting: Step[], ready: Step[], now: number): Why {
  const step = waiting[0];
  if (step) {
    const alike = waiting.filter((one) => one.reason === step.reason);
    const left = step.until ? Date.parse(step.until) - now : 0;
    const who = names(alike);
    const wait = verb(alike.length, 'is waiting', 'are waiting');
    const text = {
      time: left > 0 ? `${who} ${wait} for ${duration(left)} more.` : `${who} ${wait} for a time.`,
      signal: `${who} ${wait} for a signal${left > 0 ? `, for ${duration(left)} at most` : ''}.`,
      child: `${who} ${wait} for the ${verb(alike.length, 'run that it', 'runs that they')} started.`,
      slot: `${who} ${wait} for a free slot.`,
    }[step.reason ?? ''];
    return { text: text ?? `${who} ${wait}.`, step: step.path, tone: 'plain' };
  }
  if (ready[0]) {
    const text = `${names(ready)} ${verb(ready.length, 'is waiting', 'are waiting')} for a free slot.`;
    return { text, step: ready[0].path, tone: 'plain' };
  }
  return { text: 'It has not begun.', tone: 'plain' };
}
