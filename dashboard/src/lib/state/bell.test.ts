import { beforeEach, describe, expect, it } from 'vitest';
import { keepNotices, keptNotices } from './bell';
import type { Notice } from './notices.svelte';

const KEY = 'ghostlight.notices';
const AT = new Date('2026-11-20T12:00:00Z');
const notice = (title: string, more: Partial<Notice> = {}): Notice => ({
  id: 1,
  tone: 'bad',
  title,
  at: AT,
  read: false,
  ...more,
});

beforeEach(() => sessionStorage.clear());

describe('notices', () => {
  it('are found again as they were, without their ways back', () => {
    const whole = notice('A run failed', {
      text: 'run …1',
      href: '/runs/1',
      about: 'approval/1',
      read: true,
    });
    expect(keepNotices([{ ...whole, undo: () => {} }])).toBe(true);
    const { id: _, ...rest } = whole;
    expect(keptNotices()).toEqual([rest]);
  });

  it('are kept so many, the newest, and long texts only in part', () => {
    keepNotices(Array.from({ length: 80 }, (_, at) => notice(`${at} ${'x'.repeat(5000)}`)));
    const kept = keptNotices();
    expect(kept).toHaveLength(50);
    expect(kept[0]?.title).toMatch(/^0 x/);
    expect(sessionStorage.getItem(KEY)?.length).toBeLessThan(50 * 600);
  });

  it('are forgotten when there are none any more', () => {
    keepNotices([notice('A run failed')]);
    keepNotices([]);
    expect(sessionStorage.getItem(KEY)).toBeNull();
  });

  it('that are not ours, or of another version, are not read', () => {
    for (const text of ['{', '1', '[]', '{"version":2,"notices":[]}', '{"version":1,"notices":{}}']) {
      sessionStorage.setItem(KEY, text);
      expect(keptNotices()).toEqual([]);
    }
    const odd = [null, 1, {}, { tone: 'x', title: 'y', at: AT }, { tone: 'bad', title: 'y', at: 'never' }];
    const away = { tone: 'bad', title: 'y', at: AT, href: 'https://example.org', text: 1 };
    const beside = { ...away, href: '//example.org' };
    sessionStorage.setItem(KEY, JSON.stringify({ version: 1, notices: [...odd, away, beside] }));
    const plain = { tone: 'bad', title: 'y', at: AT, read: false };
    expect(keptNotices()).toEqual([plain, plain]);
  });

  it('go no further than the page where the browser keeps nothing', () => {
    const full = () => {
      throw new DOMException('full', 'QuotaExceededError');
    };
    expect(keepNotices([notice('A run failed')], full)).toBe(false);
    expect(keepNotices([notice('A run failed')], () => ({ ...sessionStorage, setItem: full }))).toBe(false);
    expect(keptNotices(full)).toEqual([]);
  });
});
