import { afterEach, describe, expect, it, vi } from 'vitest';
import { Shortcuts, nameOf, shown, type Shortcut } from './shortcuts.svelte';

let clock = 0;

function press(
  all: Shortcuts,
  key: string,
  more: KeyboardEventInit = {},
  on: Element = document.body,
  after = 10,
) {
  const event = new KeyboardEvent('keydown', {
    key,
    bubbles: true,
    composed: true,
    cancelable: true,
    ...more,
  });
  clock += after;
  Object.defineProperty(event, 'timeStamp', { value: clock });
  Object.defineProperty(event, 'composedPath', { value: () => [on] });
  all.handle(event);
  return event;
}

function shortcut(keys: string, more: Partial<Shortcut> = {}) {
  return { keys, label: keys, run: vi.fn(), ...more };
}

afterEach(() => document.body.replaceChildren());

describe('shortcuts', () => {
  it('run by a single key, and keep the browser from using it', () => {
    const all = new Shortcuts();
    const next = shortcut('j');
    all.add(next);
    expect(press(all, 'j').defaultPrevented).toBe(true);
    expect(next.run).toHaveBeenCalledOnce();
  });

  it('run by keys one after another, unless too long a time is between them', () => {
    const all = new Shortcuts();
    const [home, h] = [shortcut('g h'), shortcut('x')];
    all.add(home, h);
    press(all, 'g');
    press(all, 'h');
    expect(home.run).toHaveBeenCalledTimes(1);
    press(all, 'g');
    press(all, 'h', {}, document.body, 5_000);
    expect(home.run).toHaveBeenCalledTimes(1);
  });

  it('begin anew when a key does not fit', () => {
    const all = new Shortcuts();
    const home = shortcut('g h');
    all.add(home);
    press(all, 'g');
    press(all, 'g');
    press(all, 'h');
    expect(home.run).toHaveBeenCalledOnce();
  });

  it('of the screen win over those of the shell, and are gone with it', () => {
    const all = new Shortcuts();
    const [shell, screen] = [shortcut('r'), shortcut('r')];
    all.add(shell);
    const leave = all.add(screen);
    press(all, 'r');
    leave();
    press(all, 'r');
    expect(screen.run).toHaveBeenCalledOnce();
    expect(shell.run).toHaveBeenCalledOnce();
    expect(all.list).toEqual([shell]);
  });

  it('keep out of the way of somebody who writes, but for those that always hold', () => {
    const all = new Shortcuts();
    const [next, palette] = [shortcut('j'), shortcut('mod+k', { always: true })];
    all.add(next, palette);
    const input = document.body.appendChild(document.createElement('input'));
    press(all, 'j', {}, input);
    press(all, 'k', { ctrlKey: true }, input);
    expect(next.run).not.toHaveBeenCalled();
    expect(palette.run).toHaveBeenCalledOnce();
  });

  it('do not reach through an open dialog', () => {
    const all = new Shortcuts();
    const next = shortcut('j');
    all.add(next);
    const dialog = document.body.appendChild(document.createElement('div'));
    dialog.setAttribute('role', 'dialog');
    dialog.dataset.state = 'open';
    press(all, 'j');
    expect(next.run).not.toHaveBeenCalled();
  });

  it('work on a checkbox, which nobody writes in', () => {
    const all = new Shortcuts();
    const next = shortcut('j');
    all.add(next);
    const box = document.body.appendChild(document.createElement('input'));
    box.type = 'checkbox';
    press(all, 'j', {}, box);
    expect(next.run).toHaveBeenCalledOnce();
  });
});

describe('names of keys', () => {
  it('say shift only where the character does not say it', () => {
    const name = (key: string, more: KeyboardEventInit = {}) =>
      nameOf(new KeyboardEvent('keydown', { key, ...more }));
    expect(name('?', { shiftKey: true })).toBe('?');
    expect(name('Enter', { shiftKey: true })).toBe('shift+Enter');
    expect(name('k', { metaKey: true })).toBe('mod+k');
    expect(name('K', { ctrlKey: true, shiftKey: true })).toBe('mod+shift+k');
    expect(name(' ')).toBe('Space');
  });

  it('are shown as they stand on the keyboard', () => {
    expect(shown('g h', false)).toEqual([['G'], ['H']]);
    expect(shown('mod+k', false)).toEqual([['Ctrl', 'K']]);
    expect(shown('mod+k', true)).toEqual([['⌘', 'K']]);
    expect(shown('ArrowDown', false)).toEqual([['↓']]);
  });
});
