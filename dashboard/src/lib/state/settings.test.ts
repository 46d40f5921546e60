import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { settings } from './settings.svelte';

const at = (hour: number, minute = 0) => new Date(2026, 10, 20, hour, minute);
const minutes = (hour: number, minute = 0) => hour * 60 + minute;

beforeEach(() => settings.set({ quiet: null, theme: 'dark', zone: 'local' }));
afterEach(() => settings.set({ quiet: null, theme: 'system', zone: 'local' }));

describe('quiet hours', () => {
  it('are none unless somebody chose them', () => {
    expect(settings.isQuiet(at(3))).toBe(false);
  });

  it('begin with their first minute and end before their last', () => {
    settings.set({ quiet: [minutes(12), minutes(13, 30)] });
    const quiet = [at(11, 59), at(12), at(13, 29), at(13, 30)].map((time) => settings.isQuiet(time));
    expect(quiet).toEqual([false, true, true, false]);
  });

  it('may go over midnight', () => {
    settings.set({ quiet: [minutes(22), minutes(7)] });
    const quiet = [at(21, 59), at(22), at(23, 59), at(0), at(6, 59), at(7), at(12)].map((time) =>
      settings.isQuiet(time),
    );
    expect(quiet).toEqual([false, true, true, true, true, false, false]);
  });

  it('of no length are none', () => {
    settings.set({ quiet: [minutes(8), minutes(8)] });
    expect([at(8), at(7, 59)].map((time) => settings.isQuiet(time))).toEqual([false, false]);
  });
});

describe('settings', () => {
  it('stay in the browser', () => {
    settings.set({ zone: 'utc', name: 'Ada' });
    expect(JSON.parse(localStorage.getItem('ghostlight.settings') ?? '{}')).toMatchObject({
      zone: 'utc',
      name: 'Ada',
    });
  });

  it('of another tab hold here too', () => {
    localStorage.setItem('ghostlight.settings', JSON.stringify({ theme: 'light', name: 'Grace' }));
    dispatchEvent(new StorageEvent('storage', { key: 'ghostlight.settings' }));
    expect(settings.all.name).toBe('Grace');
    expect(document.documentElement.dataset.theme).toBe('light');
    // What an older version did not store has its usual value.
    expect(settings.all.toasts.run_failed).toBe(true);
  });

  it('that cannot be read are the usual ones', () => {
    localStorage.setItem('ghostlight.settings', '{broken');
    dispatchEvent(new StorageEvent('storage', { key: 'ghostlight.settings' }));
    expect(settings.all.theme).toBe('system');
  });

  it('say whether it is dark', () => {
    settings.set({ theme: 'light' });
    expect(settings.isDark).toBe(false);
    settings.set({ theme: 'dark' });
    expect([settings.isDark, document.documentElement.dataset.theme]).toEqual([true, 'dark']);
  });
});
