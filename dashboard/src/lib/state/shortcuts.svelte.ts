/**
 * The keyboard shortcuts that hold now: the shell's, and those that the open screen adds. `?` lists them all.
 *
 * A screen adds its own while it is open: `onMount(() => shortcuts.add({ keys: 'j', label: 'Next run', run: next }))`. What was added
 * last wins, so that a screen may take a key over. Nothing is caught while somebody writes or a dialog is open, except what is marked
 * with `always`.
 */

export interface Shortcut {
  /** One key, or several one after another: `j`, `g h`, `Enter`, `?`, `mod+k` (Ctrl, on a Mac the command key), `shift+Enter`. */
  keys: string;
  /** What it does, for the list: `Go to runs`. */
  label: string;
  /** Under which heading it is listed. */
  group?: string;
  /** Also while somebody writes or a dialog is open. */
  always?: boolean;
  run: (event: KeyboardEvent) => void;
}

/** Keys that belong together follow each other within this many milliseconds. */
const TOGETHER = 1_200;
const NO_KEYS = new Set(['Shift', 'Control', 'Alt', 'Meta', 'AltGraph', 'CapsLock', 'Dead', 'Process']);

export class Shortcuts {
  /** In the order of adding. */
  list = $state.raw<readonly Shortcut[]>([]);

  #pressed: string[] = [];
  #at = 0;

  /** Answers how to take them back. */
  add(...more: Shortcut[]): () => void {
    this.list = [...this.list, ...more];
    return () => {
      this.list = this.list.filter((shortcut) => !more.includes(shortcut));
    };
  }

  /** For `keydown` of the window. */
  handle = (event: KeyboardEvent): void => {
    if (event.defaultPrevented || event.isComposing || NO_KEYS.has(event.key) || belongsToFocus(event))
      return;
    const isBusy = isWriting(event) || isDialogOpen();
    const usable = isBusy ? this.list.filter((shortcut) => shortcut.always) : this.list;
    const now = event.timeStamp;
    if (isBusy || now - this.#at > TOGETHER) this.#pressed = [];
    this.#at = now;
    this.#pressed.push(nameOf(event));

    const typed = this.#pressed.join(' ');
    const found =
      usable.findLast((shortcut) => shortcut.keys === typed) ??
      usable.findLast((shortcut) => shortcut.keys === nameOf(event));
    if (found) {
      this.#pressed = [];
      event.preventDefault();
      found.run(event);
    } else if (!usable.some((shortcut) => shortcut.keys.startsWith(`${typed} `))) {
      // The last key may be the first of another row of keys.
      const last = nameOf(event);
      this.#pressed = usable.some((shortcut) => shortcut.keys.startsWith(`${last} `)) ? [last] : [];
    }
  };
}

/** How a key is written in [[Shortcut.keys]]. Shift is part of a character's name (`?`), and said only with other keys. */
export function nameOf(event: KeyboardEvent): string {
  const isCharacter = event.key.length === 1;
  const key = isCharacter ? event.key.toLowerCase() : event.key;
  const mod = event.ctrlKey || event.metaKey;
  const shift = event.shiftKey && (!isCharacter || mod);
  return [mod && 'mod', event.altKey && 'alt', shift && 'shift', key === ' ' ? 'Space' : key]
    .filter(Boolean)
    .join('+');
}

/** The keys as they stand on the keyboard, one text each: `mod+k` is `Ctrl`, `K`. */
export function shown(keys: string, isMac = /Mac|iP(hone|ad)/.test(navigator.platform)): string[][] {
  const names: Record<string, string> = {
    mod: isMac ? '⌘' : 'Ctrl',
    alt: isMac ? '⌥' : 'Alt',
    shift: isMac ? '⇧' : 'Shift',
    ArrowUp: '↑',
    ArrowDown: '↓',
    ArrowLeft: '←',
    ArrowRight: '→',
    Escape: 'Esc',
  };
  return keys
    .split(' ')
    .map((key) =>
      (key === '+' ? ['+'] : key.split('+')).map(
        (part) => names[part] ?? (part.length === 1 ? part.toUpperCase() : part),
      ),
    );
}

/** Editors live in shadow roots, so the path is asked and not the target. */
function isWriting(event: KeyboardEvent): boolean {
  const inner = event.composedPath()[0];
  if (!(inner instanceof HTMLElement)) return false;
  if (inner.isContentEditable || inner.matches('textarea, select')) return true;
  return (
    inner instanceof HTMLInputElement && !/^(button|checkbox|radio|range|submit|reset)$/.test(inner.type)
  );
}

/** Enter and Space mean what has the focus, when that does something by itself. */
function belongsToFocus(event: KeyboardEvent): boolean {
  if (event.key !== 'Enter' && event.key !== ' ') return false;
  const inner = event.composedPath()[0];
  return (
    inner instanceof Element &&
    inner.closest('a, button, summary, input, [role="option"], [role="menuitem"]') !== null
  );
}

function isDialogOpen(): boolean {
  return (
    document.querySelector('[role="dialog"][data-state="open"], [role="alertdialog"][data-state="open"]') !==
    null
  );
}

export const shortcuts = new Shortcuts();
