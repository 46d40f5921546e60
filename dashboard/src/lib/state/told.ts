/** What is told of an event: in a sentence that says what it is about, and with the way to it. */
import type { Recorded } from '$lib/feed/decode';
import { shortId } from '$lib/format';
import type { Notice } from './notices.svelte';
import type { NoticeKind } from './settings.svelte';

interface Told {
  kind: NoticeKind;
  notice: Omit<Notice, 'id' | 'at' | 'read'>;
}

/** Of so many runs it is known who started them. */
const FAMILIES_MAX = 10_000;
/** More of a message stands on the run's page. */
const MESSAGE_MAX = 160;

/** Which run a run belongs to that was started by a step of another: the feed says it when it is created. */
export class Families {
  #roots = new Map<string, string>();

  hear({ type, subject, data }: Recorded): void {
    const root = (data.parent as { root?: unknown } | null | undefined)?.root;
    if (type !== 'run.created' || !subject.run || typeof root !== 'string') return;
    this.#roots.set(subject.run, root);
    const [oldest] = this.#roots.keys();
    if (this.#roots.size > FAMILIES_MAX && oldest) this.#roots.delete(oldest);
  }

  /** The run above all others of its family; itself, as far as that is known. */
  rootOf(run: string): string {
    return this.#roots.get(run) ?? run;
  }
}

/** `isOpen`: its run is the one on the screen. Steps are told of that one alone. `root`: the run above all others of its family. */
export function toldOf(event: Recorded, isOpen: boolean, root = event.subject.run): Told | null {
  const { run, step } = event.subject;
  if (!run) return null;
  const name = event.workflow ?? 'A run';
  const of = event.workflow ? `run …${shortId(run)}` : `…${shortId(run)}`;
  const href = `/runs/${run}`;
  // What stands above what failed says most: the run before its steps, and the run that started it before that.
  const family = (weight: number) => ({ family: { key: root ?? run, weight } });
  const atStep = step ? `${href}?step=${encodeURIComponent(step)}` : href;
  switch (event.type) {
    case 'approval.requested': {
      const id = event.data.approval;
      const about = approvalOf(event);
      return {
        kind: 'needs_you',
        notice: {
          tone: 'ask',
          title: textOf(event.data.action) ?? `${name} asks`,
          text: `${name} needs an answer, ${of}`,
          href: typeof id === 'string' ? `/needs-you?item=a:${id}` : '/needs-you',
          ...(about && { about }),
        },
      };
    }
    case 'run.failed':
      return {
        kind: 'run_failed',
        notice: {
          tone: 'bad',
          title: `${name} failed`,
          text: `${messageOf(event) ?? ''}${of}`,
          href,
          ...family(run === root ? 3 : 2),
        },
      };
    case 'run.completed':
      return { kind: 'run_completed', notice: { tone: 'good', title: `${name} completed`, text: of, href } };
    case 'step.completed':
      if (!isOpen || !step) return null;
      return {
        kind: 'step_completed',
        notice: { tone: 'good', title: `${step} completed`, text: of, href: atStep },
      };
    case 'step.failed':
    case 'step.retrying': {
      if (!isOpen || !step) return null;
      const what = event.type === 'step.failed' ? 'failed' : 'is tried again';
      return {
        kind: 'step_failed',
        notice: {
          tone: 'bad',
          title: `${step} ${what}`,
          text: `${messageOf(event) ?? ''}${of}`,
          href: atStep,
          ...family(step.includes('.') ? 0 : 1),
        },
      };
    }
  }
  return null;
}

/** What nobody has to be told of any more, as [[Notice.about]] names it. */
export function settledBy(event: Recorded): string | undefined {
  return event.type === 'approval.decided' ? approvalOf(event) : undefined;
}

function approvalOf(event: Recorded): string | undefined {
  return typeof event.data.approval === 'string' ? `approval/${event.data.approval}` : undefined;
}

/** Values are told as `{json}`, or as a reference when they are large. */
function textOf(value: unknown): string | undefined {
  const json = (value as { json?: unknown } | null | undefined)?.json;
  return typeof json === 'string' && json !== '' ? cut(json) : undefined;
}

function messageOf(event: Recorded): string | undefined {
  const message = (event.data.failure as { message?: unknown } | undefined)?.message;
  return typeof message === 'string' && message !== '' ? `${cut(message)} · ` : undefined;
}

function cut(text: string): string {
  return text.length > MESSAGE_MAX ? `${text.slice(0, MESSAGE_MAX)}…` : text;
}
