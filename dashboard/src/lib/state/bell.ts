/**
 * The list behind the bell as it outlives a reload: in this tab alone, since every tab hears for itself what happens. What is kept is
 * what stood on the screen; ways back, which are no text, are not.
 */
import type { Notice } from './notices.svelte';

export type Kept = Omit<Notice, 'id' | 'undo'>;

const KEY = 'ghostlight.notices';
/** Another shape of what is kept is another version: what an older page has kept is left alone. */
const VERSION = 1;
export const KEPT_MAX = 50;
/** More of a message stands where the notice leads to. */
const TEXT_MAX = 400;
const TONES: readonly unknown[] = ['info', 'good', 'bad', 'ask'];

type Store = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;

/** What was kept, the newest first; nothing where the browser keeps nothing, or something that is not ours. */
export function keptNotices(store: () => Store = () => sessionStorage): Kept[] {
  try {
    const found = JSON.parse(store().getItem(KEY) ?? 'null') as {
      version?: unknown;
      notices?: unknown;
    } | null;
    if (found?.version !== VERSION || !Array.isArray(found.notices)) return [];
    return found.notices.slice(0, KEPT_MAX).flatMap(noticeOf);
  } catch {
    return [];
  }
}

/** False when they could not be kept: then they are there until the page is left. */
export function keepNotices(notices: readonly Notice[], store: () => Store = () => sessionStorage): boolean {
  try {
    if (notices.length === 0) store().removeItem(KEY);
    else {
      const kept = notices.slice(0, KEPT_MAX).map(toKeep);
      store().setItem(KEY, JSON.stringify({ version: VERSION, notices: kept }));
    }
    return true;
  } catch {
    return false;
  }
}

function toKeep({ tone, title, text, href, at, read, about }: Notice): Kept {
  return {
    tone,
    title: title.slice(0, TEXT_MAX),
    at,
    read,
    ...(text && { text: text.slice(0, TEXT_MAX) }),
    ...(href && { href }),
    ...(about && { about }),
  };
}

function noticeOf(value: unknown): Kept[] {
  if (typeof value !== 'object' || value === null) return [];
  const { tone, title, text, href, at, read, about } = value as Record<string, unknown>;
  const time = new Date(String(at));
  if (typeof title !== 'string' || !TONES.includes(tone) || Number.isNaN(time.getTime())) return [];
  return [
    {
      tone: tone as Kept['tone'],
      title,
      at: time,
      read: read === true,
      ...(typeof text === 'string' && { text }),
      // A place within these pages, and nowhere else.
      ...(typeof href === 'string' && /^\/(?!\/)/.test(href) && { href }),
      ...(typeof about === 'string' && { about }),
    },
  ];
}
