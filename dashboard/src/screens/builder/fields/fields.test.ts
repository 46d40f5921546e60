import { cleanup, fireEvent, render, screen } from '@testing-library/svelte';
import { tick } from 'svelte';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Builder } from '../builder.svelte';
import * as definitions from '../definitions';
import Harness from '../Harness.test.svelte';
import type { Field, Widget } from '../model/fields';

const TEXT = `name: sample
nodes:
  a: { type: emit, event: x } # the first
  b:
    type: agent_call
    description: a thing # why
    agent: noop
    input: { one: 1, two: $a.n }
`;
const field = (key: string, widget: Widget): Field => ({
  key,
  widget,
  help: '',
  required: false,
  options: [],
  example: undefined,
  schema: {},
});

let builder: Builder;

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000 });
  localStorage.clear();
  vi.spyOn(definitions, 'check').mockResolvedValue({ valid: true, diagnostics: [], plan: null });
  builder = new Builder();
  builder.start(TEXT);
});
afterEach(() => {
  cleanup();
  builder.stop();
  vi.useRealTimers();
});

function show(...fields: Field[]) {
  render(Harness, { builder, fields, path: ['nodes', 'b'] });
}

async function type(input: HTMLElement, text: string) {
  input.focus();
  for (let length = 1; length <= text.length; length += 1) {
    await fireEvent.input(input, { target: { value: text.slice(0, length) } });
    await vi.advanceTimersByTimeAsync(200);
  }
}

describe('a field that somebody types into', () => {
  it('is the draft while it is typed, and keeps the focus', async () => {
    show(field('agent', 'agent'));
    const input = screen.getByLabelText<HTMLInputElement>('Agent');
    await type(input, 'http');
    expect(builder.text).toContain('    agent: http\n');
    expect(builder.graph.nodes[1]?.summary).toBe('http');
    expect(document.activeElement).toBe(input);
    expect(input.value).toBe('http');
    await fireEvent.input(input, { target: { value: 'http-probe' } });
    expect(builder.text).toContain('    agent: http\n');
    await vi.advanceTimersByTimeAsync(140);
    expect(builder.text).toContain('    agent: http-probe\n');
  });

  it('is one step to undo, however long it took', async () => {
    show(field('agent', 'agent'));
    const input = screen.getByLabelText('Agent');
    await type(input, 'ab');
    await vi.advanceTimersByTimeAsync(60_000);
    await type(input, 'abc');
    input.blur();
    await tick();
    builder.undo();
    expect(builder.text).toBe(TEXT);
    expect(builder.undoes).toBeNull();
    builder.redo();
    expect(builder.text).toContain('agent: abc\n');
    await type(input, 'other');
    input.blur();
    await tick();
    builder.undo();
    expect(builder.text).toContain('agent: abc\n');
  });

  it('gives back by Escape what was there when it was entered', async () => {
    show(field('agent', 'agent'));
    const input = screen.getByLabelText<HTMLInputElement>('Agent');
    await type(input, "it's: {odd");
    expect(builder.text).not.toBe(TEXT);
    await fireEvent.keyDown(input, { key: 'Escape' });
    expect(builder.text).toBe(TEXT);
    expect(builder.undoes).toBeNull();
    expect(input.value).toBe('noop');
  });

  it('keeps its place and its comment when it is emptied on the way', async () => {
    show(field('description', 'text'));
    const input = screen.getByLabelText('Description');
    await fireEvent.input(input, { target: { value: '' } });
    await vi.advanceTimersByTimeAsync(200);
    expect(screen.getByLabelText('Description')).toBe(input);
    await type(input, 'another');
    input.focus();
    input.blur();
    await tick();
    expect(builder.text).toBe(TEXT.replace('a thing', 'another'));
  });

  it('is taken away when it is left empty', async () => {
    show(field('description', 'text'));
    const input = screen.getByLabelText('Description');
    input.focus();
    await fireEvent.input(input, { target: { value: '' } });
    await vi.advanceTimersByTimeAsync(200);
    input.blur();
    await tick();
    expect(builder.text).not.toContain('description');
  });

  it('is taken over at once when one saves from within it', async () => {
    show(field('agent', 'agent'));
    await fireEvent.input(screen.getByLabelText('Agent'), { target: { value: 'http' } });
    expect(builder.settle()).toBe(true);
    expect(builder.text).toContain('agent: http\n');
  });

  it('says no to saving while it holds what it cannot take', async () => {
    show(field('max', 'number'));
    const input = screen.getByLabelText('Max');
    await fireEvent.input(input, { target: { value: 'many' } });
    expect(builder.settle()).toBe(false);
    expect(screen.getByText('A number.')).toBeTruthy();
    expect(builder.text).toBe(TEXT);
    await fireEvent.keyDown(input, { key: 'Escape' });
    expect(builder.settle()).toBe(true);
  });
});

describe('names of values', () => {
  it('follow what is typed, and lose neither their place nor the focus', async () => {
    show(field('input', 'arguments'));
    const input = screen.getByLabelText<HTMLInputElement>('Name of one');
    await type(input, 'url');
    expect(builder.text).toContain('input: { url: 1, two: $a.n }');
    expect(document.activeElement).toBe(input);
    input.blur();
    await tick();
    builder.undo();
    expect(builder.text).toBe(TEXT);
  });

  it('are not taken over while another value is called so', async () => {
    show(field('input', 'arguments'));
    const input = screen.getByLabelText('Name of one');
    await type(input, 'two');
    expect(builder.text).toContain('input: { tw: 1, two: $a.n }');
    expect(screen.getByText('It is there already.')).toBeTruthy();
    await type(input, 'twofold');
    expect(builder.text).toContain('input: { twofold: 1, two: $a.n }');
  });
});
