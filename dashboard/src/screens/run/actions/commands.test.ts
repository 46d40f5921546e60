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

test('a value is put in as it was written', async () => {
  const { withMember } = await commands();
  expect(withMember('{}', 'output', '{"id":12345678901234567890}')).toBe(
    '{"output":{"id":12345678901234567890}}',
  );
  expect(withMember('{"a":1}', 'b', '1.0')).toBe('{"a":1,"b":1.0}');
});

test('numbers that no double holds reach the daemon', async () => {
  const sent = heard();
  const { reconcile } = await commands();
  await reconcile('r', 'pay.2', 'yes', 3, '{"id":12345678901234567890}');
  expect(sent[0]?.url).toBe('/api/v1/runs/r/steps/pay.2/reconcile');
  expect(sent[0]?.body).toBe('{"happened":"yes","attempt":3,"output":{"id":12345678901234567890}}');
  expect(sent[0]?.key).toBeTruthy();
});

test('asking what a retry would do takes no key', async () => {
  const sent = heard({ again: [] });
  const { retryHazards } = await commands();
  await retryHazards('r', { version: 2 });
  expect(sent[0]).toMatchObject({ body: '{"version":2,"dry_run":true}', key: null });
});
