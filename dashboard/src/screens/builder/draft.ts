/** What is kept in this browser only: drafts that were not saved, and where nodes were moved to. */
import type { Direction } from '$lib/graph/layout';
import type { Moved } from './model/history';

export interface Draft {
  text: string;
  /** What it was made of; null for a workflow that was never saved. */
  version: number | null;
  etag: string | null;
  /** That version's text, without which a conflict could not be merged. */
  base: string;
  at: number;
}

const draftKey = (name: string) => `ghostlight.draft.${name}`;
const placesKey = (name: string) => `ghostlight.places.${name}`;
/** The name under which the draft of a new workflow is kept: no workflow can have it. */
export const NEW = '+new';

export function draftOf(name: string): Draft | null {
  const draft = stored<Draft>(draftKey(name));
  return draft && typeof draft.text === 'string' ? draft : null;
}

/** False when the browser keeps nothing: then leaving loses it. */
export function keepDraft(name: string, draft: Draft): boolean {
  return store(draftKey(name), draft);
}

export function dropDraft(name: string): void {
  forget(draftKey(name));
}

/** Where nodes were moved to, in a picture that goes this way. */
export interface Places {
  moved: Moved;
  way: Direction;
}

export function placesOf(name: string): Places {
  const places = stored<Partial<Places>>(placesKey(name));
  return { moved: places?.moved ?? {}, way: places?.way === 'down' ? 'down' : 'right' };
}

export function keepPlaces(name: string, places: Places): void {
  if (Object.keys(places.moved).length === 0) forget(placesKey(name));
  else store(placesKey(name), places);
}

function stored<T>(key: string): T | null {
  try {
    return JSON.parse(localStorage.getItem(key) ?? 'null') as T | null;
  } catch {
    return null;
  }
}

function store(key: string, value: unknown): boolean {
  try {
    localStorage.setItem(key, JSON.stringify(value));
    return true;
  } catch {
    return false;
  }
}

function forget(key: string): void {
  try {
    localStorage.removeItem(key);
  } catch {
    // A browser that stores nothing has nothing to forget.
  }
}
