/**
 * A list that is read in pages, newest first, and read again in parts while it is on the screen. A page stands for all rows from its
 * cursor up to that of the next one; reading it again may bring rows in, take some out and change others, but never leaves a hole.
 */
import type { Run } from '$lib/runs/words';

export interface Page {
  /** Where it begins; null at the top of the list. */
  cursor: string | null;
  /** Where the next one begins; null at the end of the list. */
  next: string | null;
  items: Run[];
  /** Something of it has changed. */
  stale: boolean;
}

export interface Read {
  items: Run[];
  next_cursor?: string | null | undefined;
}

/** A page of the top that holds more is cut where it was last read, so that reading it again stays cheap. */
export const SPLIT_AT = 300;

export function pageOf(cursor: string | null, read: Read): Page {
  return { cursor, next: read.next_cursor ?? null, items: read.items, stale: false };
}

/** All rows. A run that two pages know is shown once, as the upper one has it. */
export function flat(pages: readonly Page[]): Run[] {
  if (pages.length === 1 && pages[0]) return pages[0].items;
  const seen = new Set<string>();
  return pages.flatMap((page) => page.items.filter((run) => !seen.has(run.id) && seen.add(run.id)));
}

/** Whether `a` stands below `b`. */
export function isBelow(a: Run, b: Run): boolean {
  const [one, other] = [Date.parse(a.created_at), Date.parse(b.created_at)];
  return one === other ? a.id < b.id : one < other;
}

/**
 * What a page is after it was read again. With `hold` rows that would come in above its first one are not shown: they are `fresh`.
 */
export function reread(page: Page, read: Read, hold: boolean): { page: Page; fresh: Run[] } {
  const top = page.items[0];
  const isFresh = (run: Run) => hold && top !== undefined && isBelow(top, run);
  const last = read.items.at(-1);
  const ends = (read.next_cursor ?? null) === null;
  const wasRead = (run: Run) => ends || (last !== undefined && !isBelow(run, last));
  const shown = read.items.filter((run) => !isFresh(run));
  const tail = page.items.filter((run) => !wasRead(run));
  const next = ends ? null : tail.length > 0 ? page.next : (page.next ?? read.next_cursor ?? null);
  return {
    page: { cursor: page.cursor, next, items: [...shown, ...tail], stale: false },
    fresh: read.items.filter(isFresh),
  };
}

/** The pages after one of them was read again. */
export function placed(pages: readonly Page[], at: number, page: Page, read: Read): Page[] {
  const before = pages.slice(0, at);
  const after = pages.slice(at + 1);
  const cut = read.items.length;
  if (page.items.length <= SPLIT_AT || !read.next_cursor || cut === 0 || cut >= page.items.length) {
    return [...before, page, ...after];
  }
  const upper: Page = { ...page, next: read.next_cursor, items: page.items.slice(0, cut) };
  const lower: Page = { ...page, cursor: read.next_cursor, items: page.items.slice(cut), stale: true };
  return [...before, upper, lower, ...after];
}

/** Which pages hold the rows from `first` to `last`. */
export function pagesWithin(pages: readonly Page[], first: number, last: number): number[] {
  let row = 0;
  return pages.flatMap((page, at) => {
    const [from, to] = [row, row + page.items.length - 1];
    row = to + 1;
    return at === 0 && first === 0 ? [at] : to >= first && from <= last ? [at] : [];
  });
}
