/** What agents report while they work, from their processes to the screens. */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Browser } from 'playwright-core';

import { open, page, picture } from './browser';
import { Daemon } from './daemon';

let daemon: Daemon;
let browser: Browser;

beforeAll(async () => {
  process.env.GHOSTLIGHT_AGENTS__ALLOW_API_COMMAND = 'true';
  [daemon, browser] = await Promise.all([Daemon.start(), open()]);
});

afterAll(async () => {
  delete process.env.GHOSTLIGHT_AGENTS__ALLOW_API_COMMAND;
  await browser.close();
  await daemon.stop();
});

/** S4-T5h: a tool of one's own reports through the agent protocol, and the dashboard shows it, as it happens and in its words. */
test('what a program reports while it works is on the page of its run at once, and what it gave after it', async () => {
  const go = join(daemon.folder, 'go');
  const script = `
    echo '{"type":"progress","ratio":0.25,"text":"counting the <b>parcels</b>"}'
    while [ ! -e ${go} ]; do sleep 0.05; done
    echo '{"type":"progress","ratio":0.75,"text":"weighing them"}'
    while [ ! -e ${go}2 ]; do sleep 0.05; done
    echo '{"type":"result","output":{"parcels":12}}'`;
  const agent = {
    ghostlight: 1,
    name: 'counter',
    kind: 'command',
    effect: 'read',
    command: ['/bin/sh', '-c', script],
  };
  await daemon.call('PUT', '/agents/counter', agent);
  await daemon.call(
    'POST',
    '/workflows',
    'ghostlight: 1\nname: counts\nnodes:\n  count: { type: agent_call, agent: counter }\n',
  );
  const run = await daemon.run('counts');

  const { page: viewer, wrong, close } = await page(browser);
  await viewer.goto(`${daemon.url}/runs/${run}`);
  const now = viewer.getByRole('region', { name: 'What runs now' });
  // The page may have been opened after it was said: what comes next is seen in any case.
  await now.getByText('counter').waitFor();
  writeFileSync(go, '');
  await now.getByText('weighing them').waitFor();
  await now.getByText('75 %').waitFor();
  expect(existsSync(`${go}2`)).toBe(false);
  await picture(viewer, 'tracker');
  writeFileSync(`${go}2`, '');
  await viewer.getByText('Completed').first().waitFor();
  await viewer.goto(`${daemon.url}/runs/${run}?tab=steps&step=count`);
  // What the step gave, and not what the run made of it.
  const details = viewer.getByRole('tabpanel', { name: /^Steps/ });
  await details.getByRole('region', { name: 'Output', exact: true }).getByText('12').waitFor();
  expect(wrong).toEqual([]);
  await close();
});
