/** The daemon is killed under a page that watches. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Browser } from 'playwright-core';

import { open, page, picture } from './browser';
import { Daemon } from './daemon';

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

/** S2-2.1a, S2-2.1e, S2-2.2e, S3-4c, S3-4d, S0-2.1f, S1-5.1e: nothing is missing and nothing is shown twice. */
test('a page that watches a run says that the daemon is away, and goes on without a gap when it is back', async () => {
  const run = await daemon.run('ticking', { list: Array.from({ length: 12 }, (_, n) => n) });
  const { page: viewer, wrong, close } = await page(browser);
  await viewer.goto(`${daemon.url}/runs/${run}?tab=events`);
  await viewer.getByText('step.waiting').first().waitFor();
  for (let kill = 0; kill < 2; kill += 1) {
    await daemon.kill();
    await viewer.getByRole('alert').filter({ hasText: 'does not answer' }).first().waitFor();
    if (kill === 0) await picture(viewer, 'outage');
    await daemon.again();
    await viewer.getByText('Live', { exact: true }).waitFor();
  }
  await daemon.ended(run);
  await viewer.getByText('run.completed').first().waitFor();

  const page_ = await daemon.call<{ items: { streamsequence: string; type: string }[] }>(
    'GET',
    `/runs/${run}/events?limit=200`,
  );
  await viewer.getByText(`${page_.items.length} events`).waitFor();
  // The list is windowed: its rows are gathered as it is scrolled through.
  const rows = await viewer.evaluate(async () => {
    const list =
      document.querySelector('#panel-events [data-windowed]') ??
      document.querySelector('#panel-events .windowed');
    const found = new Map<number, string>();
    const gather = () => {
      for (const row of document.querySelectorAll('#panel-events button.row')) {
        const place = Number(row.querySelector('.place')?.textContent);
        const type = row.querySelector('.type')?.textContent ?? '';
        if (found.has(place) && found.get(place) !== type) throw new Error(`two events at ${place}`);
        found.set(place, type);
      }
    };
    gather();
    for (let top = 0; list && top <= list.scrollHeight; top += 200) {
      list.scrollTop = top;
      await new Promise((done) => setTimeout(done, 60));
      gather();
    }
    return [...found].sort(([a], [b]) => a - b).map(([place, type]) => `${place} ${type}`);
  });
  expect(rows).toEqual(page_.items.map((event) => `${event.streamsequence} ${event.type}`));
  expect(wrong).toEqual([]);
  await close();
});
