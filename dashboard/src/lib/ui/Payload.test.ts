import { cleanup, render, screen } from '@testing-library/svelte';
import { afterEach, expect, test } from 'vitest';
import Payload from './Payload.svelte';

afterEach(cleanup);

test('the raw text is what came, byte for byte', async () => {
  const text = '{"id":12345678901234567890,"n":1.0,"s":"\\u00e9"}';
  const { container } = render(Payload, { text, name: 'input' });
  screen.getByRole('button', { name: 'Raw' }).click();
  await Promise.resolve();
  expect(container.querySelector('pre')?.textContent).toBe(text);
});

test('of megabytes only a part is put on the page', async () => {
  const text = JSON.stringify({ list: Array.from({ length: 200_000 }, (_, n) => n) });
  const { container } = render(Payload, { text, name: 'output' });
  screen.getByRole('button', { name: 'Raw' }).click();
  await Promise.resolve();
  expect(container.querySelector('pre')?.textContent?.length).toBe(100_000);
  expect(screen.getByText(/are shown/)).toBeTruthy();
});

test('no value is said, and markup in a value stays text', async () => {
  const { container, rerender } = render(Payload, {
    text: undefined,
    name: 'input',
    none: 'It was given nothing.',
  });
  expect(screen.getByText('It was given nothing.')).toBeTruthy();
  await rerender({ text: '<img src=x onerror=alert(1)>', name: 'input' });
  expect(container.querySelector('img')).toBeNull();
  expect(container.querySelector('pre')?.textContent).toBe('<img src=x onerror=alert(1)>');
});
