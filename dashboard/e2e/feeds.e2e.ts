/** Many people at one run: everybody is shown the same, in the same order. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Browser } from 'playwright-core';

import { open, page } from './browser';
import { Daemon } from './daemon';

const VIEWERS = 200;

let daemon: Daemon;
let browser: Browser;

beforeAll(async () => {
  [daemon, browser] = await Promise.all([Daemon.start(), open()]);
  await daemon.save('ticking');
});

afterAll(async () => {
  await browser.close();
  await daemon.stop();
});

/** S2-2.3a, S2-2.3b, S2-2.3d, S3-4e: compared with what the API tells of the run. */
test('two hundred viewers of a run that goes on see the same events in the same order', async () => {
  const run = await daemon.run('ticking', { list: [1, 2, 3, 4, 5] });
  const { page: viewer, close } = await page(browser);
  await viewer.goto(`${daemon.url}/runs/${run}`);
  const seen = await viewer.evaluate(
    async ({ run, viewers }) => {
      const watch = () =>
        new Promise<string>((done, failed) => {
          const socket = new WebSocket(`ws://${location.host}/api/v1/runs/${run}/feed`);
          const sequences: string[] = [];
          socket.onerror = () => failed(new Error('a feed was cut'));
          socket.onmessage = (message: MessageEvent<string>) => {
            const frame = JSON.parse(message.data) as { type: string; sequence?: string };
            if (frame.sequence) sequences.push(`${frame.sequence} ${frame.type}`);
            if (frame.type !== 'run.completed') return;
            socket.close();
            done(sequences.join('\n'));
          };
        });
      return Promise.all(Array.from({ length: viewers }, watch));
    },
    { run, viewers: VIEWERS },
  );
  const events = await daemon.call<{ items: { sequence: string; type: string }[] }>(
    'GET',
    `/runs/${run}/events?limit=200`,
  );
  const all = events.items.map((event) => `${event.sequence} ${event.type}`).join('\n');
  expect(seen).toHaveLength(VIEWERS);
  expect(new Set(seen)).toEqual(new Set([all]));
  await close();
});
