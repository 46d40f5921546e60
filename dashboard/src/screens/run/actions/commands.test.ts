import { afterEach, expect, test, vi } from 'vitest';

afterEach(() => {
  vi.unstubAllGlobals();
  vi.resetModules();
});

/** The client takes the `fetch` that is there when it is made. */
const commands = () => import('./commands');

/** What was sent, with an answer that holds for anything. */
function heard(answer: unknown = {}) {
  const sent: { url: string; body: string; key: string | null }[] = [];
  vi.stubGlobal('fetch', async (request: Request) => {
    sent.push({
      url: new URL(request.url).pathname,
      body: await request.text(),
      key: request.headers.get('Idempotency-Key'),
    });
    return new Response(JSON.stringify(answer), { headers: { 'Content-Type': 'application/json' } });
  });
  return sent;
}

test('asking what a retry would do takes no key', async () => {
  const sent = heard({ again: [] });
  const { retryHazards } = await commands();
  await retryHazards('r', { version: 2 });
  expect(sent[0]).toMatchObject({ body: '{"version":2,"dry_run":true}', key: null });
});
