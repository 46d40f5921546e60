import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { notices, textOf } from './notices.svelte';
import { settings } from './settings.svelte';

const usual = { ...settings.all.toasts };
const titles = () => notices.shown.map((notice) => notice.title);
const fail = (name: string) => notices.tell('run_failed', { tone: 'bad', title: `${name} failed` });

beforeEach(() => {
  vi.useFakeTimers();
  notices.clear();
  settings.set({ quiet: null, toasts: { ...usual, run_failed: true, run_completed: false } });
});
afterEach(() => {
  notices.hold('pointer', false);
  notices.shown.forEach((notice) => notices.dismiss(notice.id));
  vi.useRealTimers();
});

describe('a notice', () => {
  it('is kept, and shown if the person chose that', () => {
    notices.tell('run_failed', { tone: 'bad', title: 'A run failed' });
    notices.tell('run_completed', { tone: 'good', title: 'A run completed' });
    expect(notices.list.map((notice) => notice.title)).toEqual(['A run completed', 'A run failed']);
    expect(titles()).toEqual(['A run failed']);
    expect(notices.unread).toBe(2);
  });

  it('does not pop up in quiet hours', () => {
    settings.set({ quiet: [22 * 60, 7 * 60] });
    notices.tell('run_failed', { tone: 'bad', title: 'A run failed' }, new Date(2026, 10, 20, 23));
    expect(notices.shown).toEqual([]);
    expect(notices.list).toHaveLength(1);
  });

  it('goes by itself, later when it asks or went wrong', () => {
    notices.say({ tone: 'good', title: 'Saved' });
    notices.say({ tone: 'bad', title: 'Not saved' });
    notices.say({ tone: 'ask', title: 'Somebody is asked' });
    vi.advanceTimersByTime(7_000);
    expect(titles()).toEqual(['Not saved', 'Somebody is asked']);
    vi.advanceTimersByTime(10_000);
    expect(titles()).toEqual([]);
  });

  /** WCAG 2.2.1 */
  it('stays as long as somebody points at one, and for a moment more', () => {
    notices.say({ tone: 'good', title: 'Saved' });
    vi.advanceTimersByTime(5_900);
    notices.hold('pointer', true);
    notices.say({ tone: 'good', title: 'Saved again' });
    vi.advanceTimersByTime(600_000);
    expect(titles()).toEqual(['Saved', 'Saved again']);
    notices.hold('focus', true);
    notices.hold('pointer', false);
    vi.advanceTimersByTime(600_000);
    expect(titles()).toEqual(['Saved', 'Saved again']);
    notices.hold('focus', false);
    vi.advanceTimersByTime(2_400);
    expect(titles()).toEqual(['Saved', 'Saved again']);
    vi.advanceTimersByTime(200);
    expect(titles()).toEqual(['Saved again']);
  });

  it('that was pointed at and dismissed holds no other', () => {
    notices.say({ tone: 'good', title: 'Saved' });
    notices.hold('pointer', true);
    notices.dismiss(notices.shown[0]!.id);
    notices.say({ tone: 'good', title: 'Saved again' });
    vi.advanceTimersByTime(7_000);
    expect(titles()).toEqual([]);
  });

  it('with a way back is shown longer', () => {
    notices.say({ tone: 'good', title: 'Deleted', undo: () => {} });
    vi.advanceTimersByTime(7_000);
    expect(notices.shown).toHaveLength(1);
    vi.advanceTimersByTime(4_000);
    expect(notices.shown).toEqual([]);
  });

  it('about what the person has just done is kept if it went wrong', () => {
    notices.say({ tone: 'good', title: 'Saved' });
    notices.failed('It was not saved', new Error('the name is taken'));
    expect(notices.list.map((notice) => notice.title)).toEqual(['It was not saved']);
    expect(notices.shown[1]).toMatchObject({
      tone: 'bad',
      title: 'It was not saved',
      text: 'the name is taken',
    });
  });

  it('goes and counts as read once what it is about is settled', () => {
    notices.tell('needs_you', { tone: 'ask', title: 'Somebody is asked', about: 'approval/1' });
    notices.tell('needs_you', { tone: 'ask', title: 'Another is asked', about: 'approval/2' });
    notices.settle('approval/1');
    expect(titles()).toEqual(['Another is asked']);
    expect(notices.unread).toBe(1);
  });
});

describe('a failure with those that it comes of', () => {
  const told = (
    title: string,
    weight: number,
    kind: 'run_failed' | 'step_failed' = 'run_failed',
    at?: Date,
  ) => notices.tell(kind, { tone: 'bad', title, text: 'why', family: { key: 'top', weight } }, at);

  it('is one notice, which says the weightiest and counts those that come of no other', () => {
    told('item failed', 2);
    told('each.0 failed', 0, 'step_failed');
    told('each.1 failed', 0, 'step_failed');
    told('each failed', 1, 'step_failed');
    told('letter failed', 3);
    expect(titles()).toEqual(['letter failed']);
    expect(notices.list.map(textOf)).toEqual(['why · 2 failures in all']);
    expect(textOf(notices.shown[0]!)).toBe('why · 2 failures in all');
    expect(notices.unread).toBe(1);
  });

  it('counts nothing where one step failed and its run with it', () => {
    told('pay failed', 1, 'step_failed');
    told('letter failed', 3);
    expect(notices.list.map(textOf)).toEqual(['why']);
  });

  it('is counted once among others', () => {
    fail('one');
    fail('two');
    told('letter failed', 3);
    told('item failed', 2);
    expect(titles()).toEqual(['3 runs failed']);
  });

  it('is another one when it happens again later', () => {
    told('letter failed', 3, 'run_failed', new Date(2026, 10, 20, 10, 0, 0));
    told('letter failed', 3, 'run_failed', new Date(2026, 10, 20, 10, 1, 0));
    expect(notices.list).toHaveLength(2);
  });

  it('does not change under somebody who points at it, nor stand beside itself', () => {
    told('item failed', 2);
    notices.hold('pointer', true);
    told('letter failed', 3);
    expect(titles()).toEqual(['item failed']);
    expect(notices.list.map((notice) => notice.title)).toEqual(['letter failed']);
  });
});

describe('the notices', () => {
  it('on the screen are at most four, the newest', () => {
    for (let at = 1; at <= 6; at++) notices.say({ tone: 'bad', title: String(at) });
    expect(titles()).toEqual(['3', '4', '5', '6']);
  });

  it('of one kind become one when many come at once', () => {
    fail('one');
    fail('two');
    expect(titles()).toEqual(['one failed', 'two failed']);
    fail('three');
    expect(titles()).toEqual(['3 runs failed']);
    expect(notices.shown[0]).toMatchObject({ many: 3, href: '/runs?status=failed' });
    for (let at = 0; at < 200; at++) fail(String(at));
    notices.tell('needs_you', { tone: 'ask', title: 'Somebody is asked' });
    expect(titles()).toEqual(['203 runs failed', 'Somebody is asked']);
    expect(notices.list).toHaveLength(100);
    vi.advanceTimersByTime(20_000);
    fail('later');
    expect(titles()).toEqual(['later failed']);
  });

  it('do not change under somebody who points at them', () => {
    fail('one');
    fail('two');
    notices.hold('pointer', true);
    fail('three');
    expect(titles()).toEqual(['one failed', 'two failed', 'three failed']);
  });

  it('behind the bell are at most a hundred, the newest first', () => {
    for (let at = 1; at <= 130; at++) notices.tell('run_completed', { tone: 'good', title: String(at) });
    expect(notices.list).toHaveLength(100);
    expect([notices.list[0]?.title, notices.list.at(-1)?.title]).toEqual(['130', '31']);
  });

  it('behind the bell are there again after a reload, with what was read', async () => {
    notices.tell('run_completed', { tone: 'good', title: 'A run completed' });
    notices.readAll();
    notices.tell('needs_you', { tone: 'ask', title: 'Somebody is asked', about: 'approval/1' });
    vi.resetModules();
    const { notices: again } = await import('./notices.svelte');
    expect(again.list.map(({ title, read }) => [title, read])).toEqual([
      ['Somebody is asked', false],
      ['A run completed', true],
    ]);
    expect(again.shown).toEqual([]);
    again.settle('approval/1');
    again.tell('run_failed', { tone: 'bad', title: 'A run failed' });
    expect(new Set(again.list.map((notice) => notice.id)).size).toBe(3);
    again.clear();
    vi.resetModules();
    expect((await import('./notices.svelte')).notices.list).toEqual([]);
  });

  it('are read and cleared together', () => {
    notices.tell('run_completed', { tone: 'good', title: 'A run completed' });
    notices.readAll();
    expect(notices.unread).toBe(0);
    notices.clear();
    expect(notices.list).toEqual([]);
  });
});
