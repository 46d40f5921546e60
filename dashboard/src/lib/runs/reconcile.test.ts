import { afterEach, expect, test, vi } from 'vitest';

afterEach(() => {
  vi.unstubAllGlobals();
  vi.resetModules();
});

test('numbers that no double holds reach the daemon', async () => {
  const sent: { url: string; body: string; key: string | null }[] = [];
  vi.stubGlobal('fetch', async (request: Request) => {
    sent.push({
      url: new URL(request.url).pathname,
      body: await request.text(),
      key: request.headers.get('Idempotency-Key'),
    });
    return new Response('{}', { headers: { 'Content-Type': 'application/json' } });
  });
  // The client takes the `fetch` that is there when it is made.
  const { reconcile } = await import('./reconcile');
  await reconcile('r', 'pay.2', 'yes', 3, '{"id":12345678901234567890}');
  expect(sent[0]?.url).toBe('/api/v1/runs/r/steps/pay.2/reconcile');
  expect(sent[0]?.body).toBe('{"happened":"yes","attempt":3,"output":{"id":12345678901234567890}}');
  expect(sent[0]?.key).toBeTruthy();
});
