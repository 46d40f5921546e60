/** The whole way through the dashboard, by what a person sees and presses. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { Browser, Page } from 'playwright-core';

import { open, page, picture } from './browser';
import { Daemon } from './daemon';

const DOCUMENT = `ghostlight: 1
name: letter
description: Writes a letter and asks before it goes out
input: { type: object, required: [who], properties: { who: { type: string } } }
nodes:
  write: { type: agent_call, agent: noop, input: { who: $input.who } }
  ask: { type: human_gate, needs: [write], risk: low, action: "Send it to {{ input.who }}" }
`;

let daemon: Daemon;
let browser: Browser;
let viewer: Page;
let wrong: string[];
let close: () => Promise<void>;

beforeAll(async () => {
  [daemon, browser] = await Promise.all([Daemon.start(), open()]);
  ({ page: viewer, wrong, close } = await page(browser));
});

afterEach(() => {
  expect(wrong).toEqual([]);
});

afterAll(async () => {
  await close();
  await browser.close();
  await daemon.stop();
});

/** What is typed into the editor, whose text lives in a shadow tree. */
async function write(text: string): Promise<void> {
  await viewer.locator('.cm-content').first().click();
  await viewer.keyboard.press('ControlOrMeta+A');
  await viewer.keyboard.insertText(text);
}

/**
 * S3-7g, S3-7i, S3-7j, S3-7k, S3-7o, S3-9a, S3-9c, S2-1.3c: text becomes a drawing, a step that is clicked becomes text, a mistake is
 * told at once, and the run of it is watched, answered and seen done.
 */
test('a workflow is built, run, watched, answered and seen done', async () => {
  await viewer.goto(`${daemon.url}/workflows/new?from=blank`);
  await viewer.getByRole('button', { name: 'Text', exact: true }).click();
  await write(DOCUMENT.replace('agent: noop', 'agnet: noop'));
  await viewer
    .getByText(/mistake/)
    .first()
    .waitFor();
  await write(DOCUMENT);
  await viewer.getByText(/^Valid/).waitFor();

  await viewer.getByRole('button', { name: 'Canvas and side' }).click();
  await viewer.getByText('write', { exact: true }).first().waitFor();
  await viewer
    .getByRole('toolbar', { name: /Add a step/ })
    .getByRole('button', { name: /Wait/ })
    .click();
  await viewer
    .getByText(/Valid · 3 steps|mistake|warning/)
    .first()
    .waitFor();
  await picture(viewer, 'journey-1-builder');
  await viewer.getByRole('button', { name: /^Undo / }).click();
  await viewer.getByText(/Valid · 2 steps/).waitFor();

  await viewer.getByRole('button', { name: 'Save', exact: true }).click();
  const dialog = viewer.getByRole('dialog');
  await dialog.getByRole('textbox').fill('The first letter');
  await dialog.getByRole('button', { name: /Save/ }).click();
  await viewer.waitForURL(/\/workflows\/letter/);
  const saved = await daemon.call<{ message: string; version: number }>('GET', '/workflows/letter');
  expect(saved).toMatchObject({ version: 1, message: 'The first letter' });

  // What was saved is run from where it was made.
  await viewer.getByRole('button', { name: 'Run', exact: true }).click();
  await viewer.getByRole('dialog').getByLabel(/who/i).fill('Ada');
  await viewer.getByRole('dialog').getByRole('button', { name: 'Start', exact: true }).click();
  await viewer.waitForURL(/\/runs\/[0-9a-f-]{36}/);
  const run = new URL(viewer.url()).pathname.split('/').at(-1) ?? '';
  await viewer.getByText('Send it to Ada').first().waitFor();
  await picture(viewer, 'journey-2-waiting');

  // In the middle of it: the same view again.
  await viewer.getByRole('tab', { name: 'Events' }).click();
  await viewer.reload();
  await viewer.getByRole('tab', { name: 'Events', selected: true }).waitFor();
  await viewer.getByText('approval.requested').first().waitFor();

  await viewer.getByRole('button', { name: 'Approve' }).first().click();
  await viewer.getByText('run.completed').first().waitFor();
  await viewer.getByText('Completed', { exact: true }).first().waitFor();
  await picture(viewer, 'journey-3-done');
  expect(await daemon.ended(run)).toMatchObject({ status: 'completed' });
});

/** S0-2.1c, S2-2.2b, S3-7w: what failed, why, and what it blocked. */
test('a failed run opens on its failure', async () => {
  await daemon.save('broken');
  const run = await daemon.run('broken');
  await daemon.ended(run);
  await viewer.goto(`${daemon.url}/runs/${run}`);
  await viewer.getByText('failed as it was told to').first().waitFor();
  await viewer.waitForURL(/step=breaks/);
  await viewer.getByText('never').first().waitFor();
  await viewer.getByRole('button', { name: 'Try again' }).first().waitFor();
  await picture(viewer, 'failure');
});

/** S1-4.4c: with the keyboard alone, from the list of what waits for a person. */
test('a question is answered with the keyboard from the list of what needs you', async () => {
  await daemon.save('greeting');
  const run = await daemon.run('greeting', { who: 'Grace' });
  await viewer.goto(`${daemon.url}/needs-you`);
  await viewer.getByText('Greet Grace').first().waitFor();
  await viewer.getByText('A greeting goes out and cannot be taken back.').first().waitFor();
  await picture(viewer, 'needs-you');
  await viewer
    .getByRole('button', { name: /Approve/ })
    .first()
    .focus();
  await viewer.keyboard.press('Enter');
  expect(await daemon.ended(run)).toMatchObject({ status: 'completed' });
  await viewer.getByText('Greet Grace').first().waitFor({ state: 'hidden' });
});
