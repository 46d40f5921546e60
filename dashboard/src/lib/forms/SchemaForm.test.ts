import { cleanup, fireEvent, render, screen } from '@testing-library/svelte';
import { tick } from 'svelte';
import { afterEach, describe, expect, it } from 'vitest';
import Harness from './Harness.test.svelte';

const schema = {
  type: 'object',
  required: ['url', 'times'],
  properties: {
    url: { type: 'string', description: 'Where to look' },
    times: { type: 'integer', minimum: 1, maximum: 5 },
    tags: { type: 'array', items: { type: 'string' } },
    mode: { enum: ['fast', 'slow'] },
  },
};

afterEach(cleanup);

function form(props: Record<string, unknown> = {}) {
  const said: unknown[] = [];
  const { component, rerender } = render(Harness, {
    schema,
    onvalue: (value: unknown) => said.push(value),
    ...props,
  });
  return {
    last: () => said.at(-1),
    reveal: () => (component as unknown as { reveal(): boolean }).reveal(),
    rerender,
  };
}

describe('SchemaForm', () => {
  it('says what was typed, in the order of the schema', async () => {
    const { last } = form();
    await fireEvent.input(screen.getByLabelText('Times'), { target: { value: '3' } });
    await fireEvent.input(screen.getByLabelText('Url'), { target: { value: 'http://x' } });
    expect(JSON.stringify(last())).toBe('{"url":"http://x","times":3}');
  });

  it('keeps quiet about what is missing until sending is tried', async () => {
    const { reveal } = form();
    expect(screen.queryByText('Is needed')).toBeNull();
    expect(reveal()).toBe(false);
    await tick();
    expect(screen.getAllByText('Is needed')).toHaveLength(2);
    expect(screen.getByLabelText('Url').getAttribute('aria-invalid')).toBe('true');
  });

  it('shows what the daemon said at the field until that is changed', async () => {
    form({ value: { url: 'x', times: 1 }, violations: [{ path: '/url', message: 'Nobody lives there' }] });
    expect(screen.getByText('Nobody lives there')).toBeTruthy();
    await fireEvent.input(screen.getByLabelText('Url'), { target: { value: 'y' } });
    expect(screen.queryByText('Nobody lives there')).toBeNull();
  });

  it('adds, moves and takes out items', async () => {
    const { last } = form({ value: { url: 'x', times: 1, tags: ['a', 'b'] } });
    await fireEvent.click(screen.getByLabelText('Move down, item 1'));
    expect(last()).toMatchObject({ tags: ['b', 'a'] });
    await fireEvent.click(screen.getByLabelText('Take out item 1'));
    expect(last()).toMatchObject({ tags: ['a'] });
    await fireEvent.click(screen.getByText('Add item'));
    expect(last()).toMatchObject({ tags: ['a', ''] });
  });

  it('can be written as JSON, and cannot be sent while that is none', async () => {
    const { last, reveal } = form({ value: { url: 'x', times: 1 } });
    await fireEvent.click(screen.getByText('As JSON'));
    const text = screen.getByLabelText('Form as JSON');
    await fireEvent.input(text, { target: { value: '{"url": "z", "times": 2}' } });
    expect(last()).toEqual({ url: 'z', times: 2 });
    await fireEvent.input(text, { target: { value: '{' } });
    expect(reveal()).toBe(false);
    expect(last()).toEqual({ url: 'z', times: 2 });
  });
});
