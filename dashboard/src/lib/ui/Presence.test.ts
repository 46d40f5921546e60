import { cleanup, render, screen } from '@testing-library/svelte';
import { tick } from 'svelte';
import { afterEach, expect, it } from 'vitest';
import type { Live } from '$lib/feed/decode';
import Presence from './Presence.svelte';

const said: unknown[] = [];
const listeners = new Set<(events: Live[]) => void>();
const feed = {
  say: (_: string, message: unknown) => void said.push(message),
  unsay: () => {},
  listenLive: (listener: (events: Live[]) => void) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },
};
const person = (id: string, name: string, state = 'viewing') => ({
  id,
  name,
  state,
  subject: 'local',
  since: '2026-11-20T12:00:00Z',
});

async function tell(view: string, ...people: object[]) {
  const event = {
    kind: 'live',
    type: 'presence.changed',
    subject: { text: view },
    time: new Date(),
    you: 'me',
  };
  listeners.forEach((listener) =>
    listener([{ ...event, data: { view, count: people.length, people } } as Live]),
  );
  await tick();
}

afterEach(cleanup);

it('shows who else is here with initials, and says it to screen readers', async () => {
  render(Presence, { view: 'runs/r1', feed });
  await tick();
  expect(said.at(-1)).toMatchObject({ presence: { view: 'runs/r1', state: 'viewing' } });
  expect(screen.getByRole('status').textContent?.trim()).toBe('');
  await tell('runs/r1', person('me', 'Me'), person('1', 'Ada Lovelace'), person('2', 'Bob', 'editing'));
  expect(screen.getByRole('status').textContent).toContain(
    '2 other people are here: Ada Lovelace, viewing; Bob, editing',
  );
  expect([...document.querySelectorAll('li')].map((one) => one.textContent?.trim())).toEqual(['AL', 'B']);
});

it('follows its view, and leaves with the page', async () => {
  const shown = render(Presence, { view: 'runs/r1', feed });
  await shown.rerender({ view: 'runs/r2', feed });
  await tick();
  expect(said.at(-1)).toMatchObject({ presence: { view: 'runs/r2' } });
  await shown.rerender({ view: 'runs/r2', feed, state: 'editing' });
  await tick();
  expect(said.at(-1)).toMatchObject({ presence: { view: 'runs/r2', state: 'editing' } });
  shown.unmount();
  await tick();
  expect(said.at(-1)).toEqual({ presence: {} });
  expect(listeners.size).toBe(0);
});
