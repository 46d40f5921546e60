/** What the screens show of the engine: timelines, diagrams, versions, people, notices, and the tree of actors. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Browser, Page } from 'playwright-core';

import { open, page } from './browser';
import { Daemon } from './daemon';

let daemon: Daemon;
let browser: Browser;

beforeAll(async () => {
  [daemon, browser] = await Promise.all([Daemon.start(), open()]);
  for (const name of ['greeting', 'broken', 'ticking']) await daemon.save(name);
});

afterAll(async () => {
  await browser.close();
  await daemon.stop();
});

/** What is downloaded when this is pressed. */
async function downloaded(viewer: Page, press: () => Promise<void>): Promise<string> {
  const [file] = await Promise.all([viewer.waitForEvent('download'), press()]);
  return readFileSync(await file.path(), 'utf8');
}

/**
 * S0-2.2a, S0-2.2b, S0-2.2d, S0-2.2f, S2-3.3a, S2-3.3b, S2-3.3e, S3-7s, S3-7t, S3-7u, S3-7v: a bar for each step with its times, what
 * it took and gave, and all of it as a file.
 */
test('a run is shown as a timeline with a bar for each step, and is exported', async () => {
  const run = await daemon.run('ticking', { list: [1, 2, 3] });
  await daemon.ended(run);
  const { page: viewer, wrong, close } = await page(browser);
  await viewer.goto(`${daemon.url}/runs/${run}?tab=timeline`);
  await viewer.getByRole('button', { name: /^Open tick/ }).click();
  for (const item of ['tick.0', 'tick.1', 'tick.2']) {
    await viewer
      .getByRole('button', { name: new RegExp(`^tick.{0,3}${item.at(-1)}`) })
      .first()
      .waitFor();
  }
  // Attempts and questions are what a file of it holds.
  const called = await daemon.run('broken');
  await daemon.ended(called);
  await viewer.goto(`${daemon.url}/runs/${called}?tab=timeline`);
  const csv = await downloaded(viewer, async () => {
    await viewer.getByRole('button', { name: 'Export' }).click();
    await viewer.getByRole('menuitem', { name: 'CSV' }).click();
  });
  for (const step of ['first', 'breaks']) expect(csv).toContain(step);
  await viewer.getByRole('tab', { name: /Steps/ }).click();
  await viewer.getByText('Completed').first().waitFor();
  expect(wrong).toEqual([]);
  await close();
});

/**
 * S3-7a, S3-7b, S3-7c, S3-7d, S3-7f, S3-7m, S3-7n, S3-7q, S1-5.3c, S1-5.3d: a workflow is found, looked at with its steps, edges and diagram,
 * taken as Mermaid, deleted and brought back.
 */
test('a workflow is looked at, exported as a diagram, deleted and restored', async () => {
  const { page: viewer, wrong, close } = await page(browser);
  await viewer.goto(`${daemon.url}/workflows`);
  await viewer
    .getByRole('link', { name: /broken/ })
    .first()
    .click();
  await viewer.getByRole('tab', { name: /Steps/ }).click();
  for (const step of ['first', 'breaks', 'never'])
    await viewer.getByText(step, { exact: true }).first().waitFor();
  const mermaid = await downloaded(viewer, async () => {
    await viewer.getByRole('button', { name: 'Export' }).click();
    await viewer.getByRole('menuitem', { name: 'Diagram as Mermaid' }).click();
  });
  expect(mermaid).toMatch(/flowchart|graph/);
  await viewer.getByRole('button', { name: 'More for broken' }).click();
  await viewer.getByRole('menuitem', { name: 'Delete' }).click();
  await expect
    .poll(async () => (await daemon.call<{ deleted: boolean }>('GET', '/workflows/broken')).deleted)
    .toBe(true);
  await viewer.getByRole('button', { name: 'Undo' }).click();
  await expect
    .poll(async () => (await daemon.call<{ deleted: boolean }>('GET', '/workflows/broken')).deleted)
    .toBe(false);
  expect(wrong).toEqual([]);
  await close();
});

/** S2-2.3c: two people at one run see each other, and one of them goes. */
test('who looks at a run sees who else does', async () => {
  const run = await daemon.run('greeting', { who: 'Ada' });
  const [one, other] = await Promise.all([page(browser), page(browser)]);
  await one.page.goto(`${daemon.url}/runs/${run}`);
  await other.page.goto(`${daemon.url}/runs/${run}`);
  const here = one.page.locator('.presence li');
  await here.first().waitFor();
  expect(await here.count()).toBe(1);
  await other.close();
  await here.first().waitFor({ state: 'detached' });
  expect(one.wrong).toEqual([]);
  await one.close();
});

/** S2-2.2a, S2-2.2c, S2-2.2d: what the person chose pops up, and the bell keeps it with a way to it. */
test('a run that fails is told wherever one is, and kept behind the bell', async () => {
  const { page: viewer, wrong, close } = await page(browser);
  await viewer.goto(`${daemon.url}/settings`);
  await viewer.getByText('Live', { exact: true }).waitFor();
  const run = await daemon.run('broken');
  await viewer
    .getByRole('region', { name: 'Notices' })
    .getByText(/failed/i)
    .first()
    .waitFor();
  await viewer.getByRole('button', { name: /^Notices/ }).click();
  await viewer
    .getByRole('link', { name: /failed/i })
    .last()
    .click();
  await viewer.waitForURL(new RegExp(run));
  expect(wrong).toEqual([]);
  await close();
});

/** S1-5.1a, S1-5.1b, S1-5.1d, S1-5.1n1, S1-5.1n2, S3-4f: the tree of actors and the figures of journal and feeds, from the daemon alone. */
test('the system page shows the supervision tree', async () => {
  const { page: viewer, wrong, close } = await page(browser);
  await viewer.goto(`${daemon.url}/system`);
  await viewer.getByText('Feed clients').first().waitFor();
  await viewer
    .getByText(/Commits a second/)
    .first()
    .waitFor();
  await viewer.getByText('runs', { exact: true }).first().waitFor();
  const tree = await daemon.call<{ children: { path: string }[] }>('GET', '/tree');
  expect(tree.children.length).toBeGreaterThan(2);
  for (const child of tree.children.slice(0, 2)) {
    const name = child.path.split('/').at(-1) ?? '';
    await viewer.getByText(name, { exact: true }).first().waitFor();
  }
  expect(wrong).toEqual([]);
  await close();
});
