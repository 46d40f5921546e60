/** The page of one run, by what a person looks for and does there. */
import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Browser, Locator, Page } from 'playwright-core';

import { open, page, picture } from './browser';
import { Daemon } from './daemon';

let daemon: Daemon;
let browser: Browser;
let viewer: Page;
let wrong: string[];
let close: () => Promise<void>;

beforeAll(async () => {
  [daemon, browser] = await Promise.all([Daemon.start(), open()]);
  for (const name of ['greeting', 'ticking', 'shaky', 'parcel', 'readings', 'misread'])
    await daemon.save(name);
});

beforeEach(async () => {
  ({ page: viewer, wrong, close } = await page(browser));
});

afterEach(async () => {
  expect(wrong).toEqual([]);
  await close();
});

afterAll(async () => {
  await browser.close();
  await daemon.stop();
});

const region = (name: string): Locator => viewer.getByRole('region', { name, exact: true });
const said = (text: string | RegExp): Promise<void> => viewer.getByText(text).first().waitFor();
const status = async (run: string): Promise<string> =>
  (await daemon.call<{ status: string }>('GET', `/runs/${run}`)).status;

/** S4-T5d: what came out of a step is there to be seen and kept while its run still waits for a person. */
test('what a step gave is shown and kept before its run has ended', async () => {
  const run = await daemon.run('greeting', { who: 'Ada' });
  await viewer.goto(`${daemon.url}/runs/${run}?tab=steps`);
  await said('can be seen and kept already');
  await region('Output of the run').getByRole('button', { name: 'prepare' }).click();
  const output = region('Output');
  await output.getByText('"Ada"').waitFor();
  const [file] = await Promise.all([
    viewer.waitForEvent('download'),
    output.getByRole('button', { name: 'Keep it as a file' }).click(),
  ]);
  expect(JSON.parse(readFileSync(await file.path(), 'utf8'))).toMatchObject({ who: 'Ada' });
  expect(await status(run)).toBe('running');
});

test('a question is answered on the page of its run, with the form that its gate has', async () => {
  const run = await daemon.run('greeting', { who: 'Grace' });
  await viewer.goto(`${daemon.url}/runs/${run}`);
  await said('A greeting goes out and cannot be taken back.');
  await said('It waits until somebody answers.');
  await said(/^ask has been waiting for a person/);
  // The same words in the head, on the tab of the browser and in the list.
  await viewer.locator('.head').getByText('Needs you', { exact: true }).waitFor();
  await viewer.waitForFunction(() => document.title.startsWith('Needs you: greeting'));
  await picture(viewer, 'run-gate');
  await viewer.getByLabel(/^text/i).fill('Good evening');
  await viewer.getByLabel(/^Comment/).fill('It is late there');
  await viewer.getByRole('button', { name: 'Approve with changes' }).click();
  await region('Output').waitFor();
  await viewer.waitForFunction(() => document.title.startsWith('Completed: greeting'));
  const gate = await daemon.call<{ output: unknown }>('GET', `/runs/${run}/steps/ask`);
  expect(gate.output).toMatchObject({
    decision: 'approved',
    changes: { text: 'Good evening' },
    comment: 'It is late there',
  });
});

test('a run that needs somebody says so in the list as it does on its page', async () => {
  const run = await daemon.run('greeting', { who: 'Joan' });
  await viewer.goto(`${daemon.url}/runs?status=running`);
  const row = viewer.getByRole('row').filter({ has: viewer.locator(`a[href="/runs/${run}"]`) });
  await row.getByText('Needs you', { exact: true }).waitFor();
  await row.getByText('Running', { exact: true }).waitFor();
});

test('a run that is cancelled says why', async () => {
  const run = await daemon.run('greeting', { who: 'Nobody' });
  await viewer.goto(`${daemon.url}/runs/${run}`);
  await viewer.getByRole('button', { name: 'Cancel', exact: true }).click();
  const dialog = viewer.getByRole('dialog');
  await dialog.getByLabel('Why').fill('The client called it off');
  await dialog.getByRole('button', { name: 'Cancel the run' }).click();
  await said('It was cancelled.');
  await viewer.locator('.head blockquote').getByText('The client called it off').waitFor();
  expect(await status(run)).toBe('cancelled');
});

test('the state of a run after an earlier event is shown, in its graph as well', async () => {
  const run = await daemon.run('ticking', { list: [1, 2, 3] });
  await daemon.ended(run);
  await viewer.goto(`${daemon.url}/runs/${run}?tab=state`);
  await said('1 of 1 step done; 3 of 3 items done');
  await viewer.getByRole('button', { name: 'The first event' }).click();
  await said('0 of 1 step done');
  await region('Graph of the run').getByText('after event 1').waitFor();
  await viewer.waitForURL(/at=1/);
  await viewer.reload();
  await said('0 of 1 step done');
  await viewer.getByRole('slider', { name: 'Event' }).press('End');
  await said('1 of 1 step done; 3 of 3 items done');
  await region('Graph of the run')
    .getByText(/after event/)
    .waitFor({ state: 'detached' });
});

test('what is chosen is chosen in all tabs, and after a reload', async () => {
  const run = await daemon.run('ticking', { list: [1, 2, 3] });
  await daemon.ended(run);
  await viewer.goto(`${daemon.url}/runs/${run}?tab=steps`);
  await viewer.getByRole('button', { name: 'Open tick' }).click();
  await viewer.getByRole('button', { name: 'tick[1]', exact: true }).click();
  await viewer.waitForURL(/step=tick\.1/);
  await viewer.getByRole('heading', { name: 'tick[1]' }).waitFor();
  await viewer.getByRole('tab', { name: 'Timeline' }).click();
  const row = viewer.getByRole('button', { name: 'tick[1]', exact: true });
  await row.and(viewer.locator('[aria-pressed=true]')).waitFor();
  await viewer.getByRole('tab', { name: 'State' }).click();
  await viewer.getByText('Only events of tick[1]').waitFor();
  await viewer.getByRole('tab', { name: 'Timeline' }).click();
  await viewer.reload();
  await row.and(viewer.locator('[aria-pressed=true]')).waitFor();
  const node = region('Graph of the run').locator('[data-node=tick]');
  await node.and(viewer.locator('[aria-pressed=true]')).waitFor();
});

test('a signal is sent from the page, and its run goes on with it', async () => {
  const run = await daemon.run('parcel');
  await viewer.goto(`${daemon.url}/runs/${run}`);
  await said('paid is waiting for a signal.');
  await viewer.getByRole('button', { name: 'Signal', exact: true }).click();
  const dialog = viewer.getByRole('dialog');
  await dialog.getByText('Awaited: order-paid by paid').waitFor();
  await dialog.getByLabel('What it says').fill('{"by": "card"}');
  await dialog.getByRole('button', { name: 'Send it' }).click();
  await region('Output').getByText('"card"').waitFor();
  expect(await daemon.ended(run)).toMatchObject({ status: 'completed', output: { paid: { by: 'card' } } });
});

test('a run is paused and resumed', async () => {
  const run = await daemon.run('parcel');
  await viewer.goto(`${daemon.url}/runs/${run}`);
  await said('paid is waiting for a signal.');
  await viewer.getByRole('button', { name: 'Pause', exact: true }).click();
  const dialog = viewer.getByRole('dialog');
  await dialog.getByLabel('Why').fill('Lunch');
  await dialog.getByRole('button', { name: 'Pause the run' }).click();
  await said(/^Somebody paused it/);
  await viewer.waitForFunction(() => document.title.startsWith('Paused: parcel'));
  expect(await status(run)).toBe('paused');
  await viewer.getByRole('button', { name: 'Resume' }).click();
  await said('paid is waiting for a signal.');
  await daemon.call('POST', `/runs/${run}/signals/order-paid`, { by: 'bank' });
  await viewer.waitForFunction(() => document.title.startsWith('Completed: parcel'));
  expect(await daemon.ended(run)).toMatchObject({ status: 'completed' });
});

test('a run that failed is tried again from its page, and completes', async () => {
  const run = await daemon.run('shaky');
  await daemon.ended(run);
  await viewer.goto(`${daemon.url}/runs/${run}`);
  await region('shaky failed').getByText('The list is empty').first().waitFor();
  await viewer.getByRole('button', { name: 'Try again' }).click();
  const dialog = viewer.getByRole('dialog');
  await dialog.getByText('1 step', { exact: true }).first().waitFor();
  await dialog.getByRole('button', { name: 'Try again' }).click();
  await region('Output').waitFor();
  await said('2 of 2 steps done');
  await region('shaky failed').waitFor({ state: 'detached' });
  expect(await daemon.ended(run)).toMatchObject({ status: 'completed', output: { attempt: 2 } });
  // What was done in the first try can be left out.
  const bars = viewer.getByRole('group', { name: /^Timeline, / });
  await bars.getByText('first', { exact: true }).waitFor();
  await viewer.getByLabel('Last try only').check();
  await bars.getByText('first', { exact: true }).waitFor({ state: 'detached' });
  await bars.getByText('shaky', { exact: true }).waitFor();
});

test('a run that failed by how its workflow is written leads to the workflow, and its step into sight', async () => {
  const run = await daemon.run('misread');
  await daemon.ended(run);
  await viewer.goto(`${daemon.url}/runs/${run}`);
  const failure = region('place failed');
  const edit = failure.getByRole('link', { name: 'Edit the workflow' });
  expect(await edit.getAttribute('href')).toBe('/workflows/misread/edit');
  await failure.getByText(/may fail in the same way/).waitFor();
  await failure.getByRole('button', { name: 'Open the step' }).click();
  await expect
    .poll(() => viewer.evaluate(() => document.activeElement?.textContent), { timeout: 10_000 })
    .toBe('place');
});

test('a run that completed in part says first what is missing', async () => {
  const run = await daemon.run('readings', { list: [0, 1, 0] });
  await daemon.ended(run);
  await viewer.goto(`${daemon.url}/runs/${run}`);
  const missing = region('What is missing');
  await missing.getByRole('button', { name: 'each[1]' }).waitFor();
  await missing.getByText('It is not there').waitFor();
  await viewer.locator('.head').getByText('In part', { exact: true }).waitFor();
  await said('2 of 2 steps done; 2 of 3 items done, 1 failed');
  await picture(viewer, 'run-partial');
});
