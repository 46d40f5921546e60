import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { notices } from './notices.svelte';
import { settings } from './settings.svelte';

const usual = { ...settings.all.toasts };

beforeEach(() => {
  vi.useFakeTimers();
  notices.clear();
  notices.shown = [];
  settings.set({ quiet: null, toasts: { ...usual, run_failed: true, run_completed: false } });
});

afterEach(() => vi.useRealTimers());

describe('a notice', () => {
  it('is kept, and shown if the person chose that', () => {
    notices.tell('run_failed', { tone: 'bad', title: 'A run failed' });
    notices.tell('run_completed', { tone: 'good', title: 'A run completed' });
    expect(notices.list.map((notice) => notice.title)).toEqual(['A run completed', 'A run failed']);
    expect(notices.shown.map((notice) => notice.title)).toEqual(['A run failed']);
    expect(notices.unread).toBe(2);
  });

  it('does not pop up in quiet hours', () => {
    settings.set({ quiet: [22 * 60, 7 * 60] });
    notices.tell('run_failed', { tone: 'bad', title: 'A run failed' }, new Date(2026, 10, 20, 23));
    expect(notices.shown).toEqual([]);
    expect(notices.list).toHaveLength(1);
  });

  it('that only informs goes by itself; one that asks or went wrong stays', () => {
    notices.say({ tone: 'good', title: 'Saved' });
    notices.say({ tone: 'bad', title: 'Not saved' });
    notices.say({ tone: 'ask', title: 'Somebody is asked' });
    vi.advanceTimersByTime(60_000);
    expect(notices.shown.map((notice) => notice.title)).toEqual(['Not saved', 'Somebody is asked']);
  });

  it('with a way back is shown longer', () => {
    notices.say({ tone: 'good', title: 'Deleted', undo: () => {} });
    vi.advanceTimersByTime(7_000);
    expect(notices.shown).toHaveLength(1);
    vi.advanceTimersByTime(3_000);
    expect(notices.shown).toEqual([]);
  });

  it('about what the person has just done is not kept', () => {
    notices.failed('It was not saved', new Error('the name is taken'));
    expect(notices.list).toEqual([]);
    expect(notices.shown[0]).toMatchObject({
      tone: 'bad',
      title: 'It was not saved',
      text: 'the name is taken',
    });
  });
});

describe('the notices', () => {
  it('on the screen are at most four, the newest', () => {
    for (let at = 1; at <= 6; at++) notices.say({ tone: 'bad', title: String(at) });
    expect(notices.shown.map((notice) => notice.title)).toEqual(['3', '4', '5', '6']);
  });

  it('behind the bell are at most a hundred, the newest first', () => {
    for (let at = 1; at <= 130; at++) notices.tell('run_completed', { tone: 'good', title: String(at) });
    expect(notices.list).toHaveLength(100);
    expect([notices.list[0]?.title, notices.list.at(-1)?.title]).toEqual(['130', '31']);
  });

  it('are read and cleared together', () => {
    notices.tell('run_completed', { tone: 'good', title: 'A run completed' });
    notices.readAll();
    expect(notices.unread).toBe(0);
    notices.clear();
    expect(notices.list).toEqual([]);
  });
});
