/** What happens in the tree, as this screen tells it: what went wrong, and what somebody did by hand. */
import type { Live, Recorded } from '$lib/feed/decode';
import type { Tone } from '$lib/status';

export interface News {
  at: Date;
  path: string;
  what: 'restarted' | 'ended' | 'gave_up' | 'by_hand';
  /** In a word or two. */
  word: string;
  tone: Tone;
  /** How it ended, or why somebody did it, or why it was refused. */
  text: string;
  /** The word of what was asked for, when it was not done. */
  refused?: string;
}

const NEWS_MAX = 60;
/** What somebody asked for is announced, and refused if it cannot be done, within so many milliseconds. */
const ASKED_AND_REFUSED = 5_000;
/** An end and its answer are told within so many milliseconds of each other. */
const END_AND_RESTART = 5_000;
const RESTART_AND_END = 1_000;

const BY_HAND: Record<string, string> = {
  'tree.restart': 'restarted by hand',
  'tree.stop': 'stopped by hand',
  'tree.panic': 'struck: panic',
  'tree.kill': 'struck: killed',
  'tree.hang': 'struck: hung',
};

export function newsOf(event: Recorded | Live): News | undefined {
  const { type, time: at, data } = event;
  if (type === 'audit.recorded') {
    const word = BY_HAND[String(data.action)];
    if (!word) return undefined;
    const path = String(data.object ?? '');
    const text = String(data.reason ?? '');
    return data.allowed === false
      ? { at, path, text, what: 'by_hand', word: `refused: ${word}`, refused: word, tone: 'red' }
      : { at, path, text, what: 'by_hand', word, tone: 'blue' };
  }
  const path = String(data.path ?? '');
  const text = String(data.exit ?? '');
  if (type === 'actor.restarted')
    return { at, path, text, what: 'restarted', word: 'restarted', tone: 'amber' };
  if (type === 'supervisor.gave_up') return { at, path, text, what: 'gave_up', word: 'gave up', tone: 'red' };
  // What ended as it should is no news; what is restarted says so itself.
  const isPlain = /^(normal|shutdown)/.test(text);
  return type === 'actor.exited' && !isPlain
    ? { at, path, text, what: 'ended', word: 'ended', tone: 'red' }
    : undefined;
}

/** The newest first. An end that was answered by a restart is told once, as that, and so is what was asked for and refused. */
export function together(news: News[], before: News[]): News[] {
  let all = before;
  for (const one of news) {
    const near = (old: News, what: News['what'], ms: number) =>
      old.what === what && old.path === one.path && Math.abs(old.at.getTime() - one.at.getTime()) < ms;
    if (one.what === 'ended' && all.some((old) => near(old, 'restarted', RESTART_AND_END))) continue;
    let rest = one.what === 'restarted' ? all.filter((old) => !near(old, 'ended', END_AND_RESTART)) : all;
    if (one.refused !== undefined) {
      const asked = rest.find((old) => near(old, 'by_hand', ASKED_AND_REFUSED) && old.word === one.refused);
      rest = rest.filter((old) => old !== asked);
    }
    all = [one, ...rest];
  }
  return all.slice(0, NEWS_MAX);
}
