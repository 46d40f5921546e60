import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { askAhead, fetchOnce } from './ahead';

const RUNS = 'http://localhost:3000/api/v1/runs';
const wire = vi.fn<typeof fetch>();

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal('fetch', wire);
  vi.stubGlobal('location', { origin: 'http://localhost:3000' });
});
afterEach(() => {
  vi.runAllTimers();
  vi.useRealTimers();
  vi.unstubAllGlobals();
  wire.mockReset();
});

const answers = (status: number) => wire.mockImplementation(async () => new Response('{}', { status }));
const read = (method = 'GET') => fetchOnce(new Request(RUNS, { method }));

test('an answer that is under way is handed to the first who asks, and to nobody else', async () => {
  answers(200);
  askAhead(['/api/v1/runs']);
  expect((await read()).status).toBe(200);
  expect(wire).toHaveBeenCalledTimes(1);
  await read();
  expect(wire).toHaveBeenCalledTimes(2);
});

test('what would change something is never answered by it', async () => {
  answers(200);
  askAhead(['/api/v1/runs']);
  await read('POST');
  expect(wire).toHaveBeenCalledTimes(2);
});

test('a refusal and an outage are asked about once more', async () => {
  for (const first of [
    async () => new Response('{}', { status: 401 }),
    () => Promise.reject(new TypeError('away')),
  ]) {
    wire.mockImplementationOnce(first).mockImplementationOnce(async () => new Response('{}'));
    askAhead(['/api/v1/runs']);
    expect((await read()).status).toBe(200);
  }
});

test('what nobody took is forgotten', async () => {
  answers(200);
  askAhead(['/api/v1/runs']);
  vi.advanceTimersByTime(5_000);
  await read();
  expect(wire).toHaveBeenCalledTimes(2);
});
