import { describe, expect, it } from 'vitest';
import type { Run } from '$lib/runs/words';
import { flat, pageOf, pagesWithin, placed, reread, SPLIT_AT, type Page } from './pages';

/** Runs with these numbers, the greater the newer. */
const runs = (...numbers: number[]) =>
  numbers.map(
    (n) =>
      ({
        id: String(n).padStart(6, '0'),
        created_at: new Date(n * 1000).toISOString(),
        sequence: '1',
      }) as Run,
  );
const numbers = (list: readonly Run[]) => list.map((run) => Number(run.id));
const page = (items: Run[], next: string | null = null, cursor: string | null = null): Page => ({
  cursor,
  next,
  items,
  stale: true,
});

describe('reading a page again', () => {
  it('brings in what is new and keeps what was pushed out', () => {
    const { page: after, fresh } = reread(
      page(runs(5, 4, 3), 'old'),
      { items: runs(7, 6, 5), next_cursor: 'new' },
      false,
    );
    expect(numbers(after.items)).toEqual([7, 6, 5, 4, 3]);
    expect(after.next).toBe('old');
    expect(fresh).toEqual([]);
  });

  it('holds back what is new at the top, and nothing else', () => {
    const read = { items: runs(7, 5, 4, 3), next_cursor: 'n' };
    const { page: after, fresh } = reread(page(runs(5, 3), 'n'), read, true);
    expect(numbers(fresh)).toEqual([7]);
    expect(numbers(after.items)).toEqual([5, 4, 3]);
  });

  it('takes out what fits no more', () => {
    const { page: after } = reread(
      page(runs(5, 4, 3, 2), 'n'),
      { items: runs(5, 3), next_cursor: 'n' },
      false,
    );
    expect(numbers(after.items)).toEqual([5, 3, 2]);
    const { page: ended } = reread(page(runs(5, 4), null), { items: [], next_cursor: null }, false);
    expect(ended.items).toEqual([]);
  });

  it('keeps everything when nothing was looked at to the end', () => {
    const { page: after } = reread(page(runs(5, 4), 'n'), { items: [], next_cursor: 'deeper' }, false);
    expect(numbers(after.items)).toEqual([5, 4]);
  });

  it('goes on where an empty list has grown beyond a page', () => {
    const { page: after } = reread(page([], null), { items: runs(3, 2), next_cursor: 'n' }, true);
    expect(after.next).toBe('n');
    expect(numbers(after.items)).toEqual([3, 2]);
  });

  it('cuts a top that has grown', () => {
    const many = Array.from({ length: SPLIT_AT + 10 }, (_, at) => 1000 - at);
    const read = { items: runs(...many.slice(0, 100)), next_cursor: 'cut' };
    const pages = placed([page([])], 0, page(runs(...many), 'end'), read);
    expect(pages.map((one) => [one.cursor, one.next, one.items.length])).toEqual([
      [null, 'cut', 100],
      ['cut', 'end', SPLIT_AT - 90],
    ]);
  });
});

describe('pages', () => {
  it('show a run once', () => {
    expect(numbers(flat([pageOf(null, { items: runs(3, 2) }), pageOf('c', { items: runs(2, 1) })]))).toEqual([
      3, 2, 1,
    ]);
  });

  it('are found by the rows that are looked at', () => {
    const pages = [page(runs(9, 8)), page(runs(7, 6)), page(runs(5))];
    expect(pagesWithin(pages, 1, 2)).toEqual([0, 1]);
    expect(pagesWithin(pages, 4, 4)).toEqual([2]);
    expect(pagesWithin([page([])], 0, 0)).toEqual([0]);
  });
});
