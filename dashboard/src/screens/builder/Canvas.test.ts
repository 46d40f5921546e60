import { cleanup, fireEvent, render, screen, waitFor } from '@testing-library/svelte';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { Builder } from './builder.svelte';
import * as definitions from './definitions';
import { connect } from './model/operations';
import Harness from './Harness.test.svelte';

vi.mock('$lib/graph/layout', async () => {
  const { layoutByLevels } = await import('$lib/graph/levels');
  return { layout: (...of: Parameters<typeof layoutByLevels>) => Promise.resolve(layoutByLevels(...of)) };
});

const TEXT = `name: sample
nodes:
  a: { type: emit, event: x }
  b: { type: emit, event: y, needs: [a] }
  c: { type: emit, event: z, needs: [a] }
`;
let builder: Builder;
let canvas: HTMLElement;
const asked: string[] = [];

beforeAll(() => {
  // Nothing is laid out here, so that the room for it has to be said.
  for (const [name, size] of [
    ['clientWidth', 1200],
    ['clientHeight', 700],
  ] as const) {
    Object.defineProperty(HTMLElement.prototype, name, { configurable: true, get: () => size });
  }
});
afterAll(() => {
  for (const name of ['clientWidth', 'clientHeight']) Reflect.deleteProperty(HTMLElement.prototype, name);
});

beforeEach(async () => {
  localStorage.clear();
  asked.length = 0;
  vi.spyOn(definitions, 'check').mockResolvedValue({ valid: true, diagnostics: [], plan: null });
  builder = new Builder();
  builder.start(TEXT);
  render(Harness, { builder, onask: (what: string) => asked.push(what) });
  canvas = screen.getByLabelText(/^Canvas of/);
  await waitFor(() => expect(canvas.querySelectorAll('.svelte-flow__node')).toHaveLength(3));
});
afterEach(() => {
  cleanup();
  builder.stop();
});

const press = (key: string, more: KeyboardEventInit = {}) => fireEvent.keyDown(canvas, { key, ...more });

/** A clipboard that lives as long as one test. */
function clipboard() {
  const kept = new Map<string, string>();
  const data = {
    setData: (type: string, text: string) => kept.set(type, text),
    getData: (type: string) => kept.get(type) ?? '',
  };
  return (type: string) => {
    const event = new Event(type, { bubbles: true, cancelable: true });
    Object.defineProperty(event, 'clipboardData', { value: data });
    return fireEvent(canvas, event);
  };
}

describe('keys of the canvas', () => {
  it('go from step to step by arrows', async () => {
    await press('ArrowRight');
    expect(builder.selected).toEqual(['a']);
    await press('ArrowRight');
    const [first] = builder.selected;
    expect(['b', 'c']).toContain(first);
    await press(first === 'b' ? 'ArrowDown' : 'ArrowUp');
    expect(builder.selected).toEqual([first === 'b' ? 'c' : 'b']);
    await press('ArrowLeft');
    expect(builder.selected).toEqual(['a']);
  });

  it('move the selected steps with shift, which can be undone', async () => {
    builder.select(['b']);
    await press('ArrowDown', { shiftKey: true });
    const moved = builder.moved.b;
    await press('ArrowDown', { shiftKey: true });
    expect(builder.moved.b).toEqual({ x: moved?.x, y: (moved?.y ?? 0) + 20 });
    builder.undo();
    expect(builder.moved.b).toEqual(moved);
  });

  it('delete what is selected, and undo brings it back with its edges', async () => {
    builder.select(['a']);
    await press('Delete');
    expect(builder.graph.nodes.map((node) => node.id)).toEqual(['b', 'c']);
    expect(document.activeElement).toBe(canvas);
    builder.undo();
    expect(builder.text).toBe(TEXT);
    await waitFor(() => expect(canvas.querySelectorAll('.svelte-flow__node')).toHaveLength(3));
  });

  it('delete an edge alone when that is selected', async () => {
    builder.selectedEdge = builder.graph.edges[0]?.id ?? null;
    await press('Backspace');
    expect(builder.graph.nodes).toHaveLength(3);
    expect(builder.graph.edges).toHaveLength(1);
  });

  it('select all, duplicate it, and select nothing', async () => {
    await press('a', { ctrlKey: true });
    expect(builder.selected).toEqual(['a', 'b', 'c']);
    await press('d', { ctrlKey: true });
    expect(builder.selected).toEqual(['a_2', 'b_2', 'c_2']);
    expect(builder.text).toContain('b_2: { type: emit, event: y, needs: [a_2] }');
    await press('Escape');
    expect(builder.selected).toEqual([]);
  });

  it('open the form of what is selected', async () => {
    await press('Enter');
    expect(asked).toEqual([]);
    builder.select(['b']);
    await press('Enter');
    expect(asked).toEqual(['form']);
  });

  it('leave alone what is pressed with another meaning', async () => {
    builder.select(['b']);
    await press('ArrowLeft', { altKey: true });
    await press('x');
    expect(builder.selected).toEqual(['b']);
    expect(builder.text).toBe(TEXT);
  });
});

describe('copying', () => {
  it('puts steps on the clipboard and pastes them under free names', async () => {
    const clip = clipboard();
    builder.select(['a', 'b']);
    await clip('copy');
    expect(builder.text).toBe(TEXT);
    await clip('paste');
    expect(builder.selected).toEqual(['a_2', 'b_2']);
    expect(builder.text).toContain('b_2: { type: emit, event: y, needs: [a_2] }');
    builder.undo();
    expect(builder.text).toBe(TEXT);
  });

  it('takes away what is cut', async () => {
    const clip = clipboard();
    builder.select(['b']);
    await clip('cut');
    expect(builder.graph.nodes.map((node) => node.id)).toEqual(['a', 'c']);
    await clip('paste');
    expect(builder.graph.nodes.map((node) => node.id)).toEqual(['a', 'c', 'b']);
  });
});

describe('what is drawn', () => {
  const places = () =>
    [...canvas.querySelectorAll<HTMLElement>('.svelte-flow__node')].map((node) => node.style.transform);

  it('stays where it is when an edge is drawn, until it is tidied up', async () => {
    const before = places();
    builder.edit('connecting b and c', (text) => connect(text, 'b', 'c'));
    await waitFor(() => expect(canvas.querySelectorAll('.svelte-flow__edge')).toHaveLength(3));
    expect(places()).toEqual(before);
    await fireEvent.click(screen.getByRole('button', { name: /^Tidy up/ }));
    await waitFor(() => expect(places()).not.toEqual(before));
    builder.undo();
    await waitFor(() => expect(places()).toEqual(before));
    builder.undo();
    expect(builder.text).toBe(TEXT);
    await waitFor(() => expect(places()).toEqual(before));
  });
});
