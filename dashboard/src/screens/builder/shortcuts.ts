/** The keys of the builder beside those of its canvas. */
import type { Shortcut } from '$lib/state/shortcuts.svelte';
import type { Asking } from './Asked.svelte';
import type { Builder } from './builder.svelte';

interface Drawn {
  fit(): void;
  tidy(): void;
  togglePlan(): void;
  zoom(by: 1 | -1): void;
}

export function shortcutsOf(
  builder: Builder,
  /** Nothing while the text alone is shown. */
  canvas: () => Drawn | undefined,
  /** Opens a dialog, when there is something to ask about. */
  ask: (what: Asking) => void,
  save: () => void,
): Shortcut[] {
  const keys: Omit<Shortcut, 'group'>[] = [
    { keys: '?', label: 'All keys of the builder', run: () => ask('keys') },
    { keys: 'mod+s', label: 'Save', always: true, run: save },
    { keys: 'mod+z', label: 'Undo', run: () => builder.undo() },
    { keys: 'mod+shift+z', label: 'Redo', run: () => builder.redo() },
    { keys: 'mod+y', label: 'Redo', run: () => builder.redo() },
    { keys: 'a', label: 'Add a step', run: () => ask('add') },
    { keys: 'c', label: 'Connect the selected step', run: () => builder.one && ask('connect') },
    { keys: '/', label: 'Find a step', run: () => ask('find') },
    { keys: 'f', label: 'Show all of the canvas', run: () => canvas()?.fit() },
    { keys: 'l', label: 'Tidy up the canvas', run: () => canvas()?.tidy() },
    { keys: 'p', label: 'Show the critical path', run: () => canvas()?.togglePlan() },
    { keys: '+', label: 'Zoom in', run: () => canvas()?.zoom(1) },
    { keys: '-', label: 'Zoom out', run: () => canvas()?.zoom(-1) },
  ];
  return keys.map((one) => ({ ...one, group: 'Builder' }));
}
