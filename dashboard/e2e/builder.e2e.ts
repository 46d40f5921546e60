/** The builder, by hand: the mouse on the canvas, the keyboard alone, and two people who save the same workflow. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Browser, Locator, Page } from 'playwright-core';

import { open, page, picture } from './browser';
import { Daemon } from './daemon';

const FORK = `ghostlight: 1
name: two-looks
nodes:
  look: { type: agent_call, agent: noop, input: {}, estimate: 1s }
  measure: { type: agent_call, agent: noop, input: {}, estimate: 40s }
  both: { type: join, needs: [look, measure], require: all }
  told: { type: emit, event: told, needs: [both] }
`;

let daemon: Daemon;
let browser: Browser;
let viewer: Page;
let wrong: string[];
let close: () => Promise<void>;

beforeAll(async () => {
  [daemon, browser] = await Promise.all([Daemon.start(), open()]);
});

beforeEach(async () => {
  ({
    page: viewer,
    wrong,
    close,
  } = await page(browser, {
    permissions: ['clipboard-read', 'clipboard-write'],
    // Nothing moves away from under the mouse.
    reducedMotion: 'reduce',
  }));
});

afterEach(async () => {
  await close();
  expect(wrong).toEqual([]);
});

afterAll(async () => {
  await browser.close();
  await daemon.stop();
});

const step = (id: string): Locator => viewer.locator(`.svelte-flow__node[data-id="${id}"]`);
const tab = (name: string): Locator => viewer.getByRole('tab', { name });
const type = (name: string): Locator =>
  viewer.getByRole('toolbar', { name: /^Add a step/ }).getByRole('button', { name, exact: true });

/** A workflow of one step, `first`, with the text beside the canvas. */
async function blank(): Promise<void> {
  await viewer.goto(`${daemon.url}/workflows/new?from=blank&pane=text`);
  await step('first').waitFor();
  await viewer.getByText(/^Valid/).waitFor();
}

/** Waits until the text says, or no longer says, something. */
async function says(what: string, isThere = true): Promise<void> {
  const text = viewer.locator('.cm-content').filter({ hasText: what });
  await text.waitFor({ state: isThere ? 'visible' : 'hidden' });
}

/** What is typed into the editor, over all that stood there. */
async function write(text: string): Promise<void> {
  await viewer.locator('.cm-content').first().click();
  await viewer.keyboard.press('ControlOrMeta+A');
  await viewer.keyboard.insertText(text);
}

async function middle(of: Locator): Promise<[number, number]> {
  const box = await of.boundingBox();
  if (!box) throw new Error('it is not drawn');
  return [box.x + box.width / 2, box.y + box.height / 2];
}

/** As a hand does it: pressed, moved in steps, let go. */
async function drag(from: Locator, to: Locator): Promise<void> {
  await viewer.mouse.move(...(await middle(from)));
  await viewer.mouse.down();
  await viewer.mouse.move(...(await middle(to)), { steps: 12 });
  await viewer.mouse.up();
}

/** S3-9a, S3-9b, S3-9c, S3-9d: everything that the mouse does on the canvas is an edit of the text. */
test('a step is dragged onto the canvas, connected, deleted and brought back, and the text says each', async () => {
  await blank();
  // Where nothing is it stays alone, and says so.
  await type('Wait').dragTo(viewer.getByLabel(/^Canvas of/), { targetPosition: { x: 330, y: 560 } });
  await says('wait: { type: wait, for: 10s }');
  await step('wait')
    .getByTitle(/Not connected/)
    .waitFor();
  await tab('Form').click();
  await viewer.getByText(/starts at once, beside the others/).waitFor();
  await tab('Text').click();

  const places = () =>
    Promise.all(
      ['first', 'wait'].map((id) => step(id).evaluate((node) => (node as HTMLElement).style.transform)),
    );
  const stood = await places();
  await drag(step('first').locator('.source'), step('wait').locator('.target'));
  await says('needs: [first]');
  await step('wait')
    .getByTitle(/Not connected/)
    .waitFor({ state: 'hidden' });
  // An edge moves nothing.
  expect(await places()).toEqual(stood);
  await picture(viewer, 'builder-1-connected');

  await step('wait').click();
  await viewer.keyboard.press('Delete');
  await step('wait').waitFor({ state: 'detached' });
  await says('wait:', false);
  await viewer.keyboard.press('ControlOrMeta+Z');
  await step('wait').waitFor();
  await says('needs: [first]');

  // On an edge it comes between.
  const edge = viewer.locator('.svelte-flow__edge[data-id="needs:first>wait"] path').first();
  const [x, y] = await edge.evaluate((path) => {
    const line = path as SVGPathElement;
    const { x, y } = line
      .getPointAtLength(line.getTotalLength() / 2)
      .matrixTransform(line.getScreenCTM() ?? undefined);
    return [x, y] as const;
  });
  await viewer.mouse.move(...(await middle(type('Tool'))));
  await viewer.mouse.down();
  await viewer.mouse.move(x, y - 4, { steps: 6 });
  await viewer.mouse.move(x, y, { steps: 3 });
  await viewer.mouse.up();
  await says('needs: [tool]');
  await step('tool').waitFor();

  // On a step it comes behind it; a click without a choice behind the one end.
  await type('Emit').dragTo(step('wait'));
  await says('needs: [wait]');
  await viewer.keyboard.press('Escape');
  await type('Transform').click();
  await tab('Text').click();
  await says('needs: [emit]');
});

/** S3-7l: the plan is there before anything is saved. */
test('the plan is drawn before saving, with its levels and its critical path', async () => {
  await blank();
  await write(FORK);
  await viewer.getByText(/^Valid · 4 steps/).waitFor();
  await tab('Plan').click();
  const plan = viewer.getByRole('tabpanel');
  const levels = plan.locator('section', { has: viewer.getByRole('heading', { name: 'Levels' }) });
  await levels.getByRole('listitem').nth(2).waitFor();
  const rows = await levels.getByRole('listitem').allInnerTexts();
  expect(rows.map((row) => row.match(/look|measure|both|told/g))).toEqual([
    ['look', 'measure'],
    ['both'],
    ['told'],
  ]);
  const path = plan.locator('section', { has: viewer.getByRole('heading', { name: 'Critical path' }) });
  expect(await path.getByRole('button').allInnerTexts()).toEqual([
    expect.stringContaining('measure'),
    expect.stringContaining('both'),
    expect.stringContaining('told'),
  ]);
  // The canvas shows the same path, and both hide it.
  expect(await viewer.locator('.svelte-flow__node .critical').count()).toBe(3);
  await picture(viewer, 'builder-2-plan');
  await expect(daemon.call('GET', '/workflows/two-looks')).rejects.toThrow('404');
});

test('what is typed into a form is the draft while one types, one step to undo, and saved from there', async () => {
  await blank();
  await tab('Form').click();
  await viewer.keyboard.press('Escape');
  await step('first').click();
  const value = viewer.getByLabel('Value of hello');
  await value.click();
  await value.press('End');
  await value.pressSequentially(' and moon', { delay: 30 });
  await viewer.getByRole('button', { name: /^Undo changing/ }).waitFor();
  expect(await value.evaluate((field) => field === document.activeElement)).toBe(true);
  expect(await value.inputValue()).toBe('world and moon');
  await value.press('Escape');
  expect(await value.inputValue()).toBe('world');
  await viewer.getByRole('button', { name: 'Nothing to undo' }).waitFor();

  await viewer.getByLabel('Id', { exact: true }).fill('greet');
  await viewer.keyboard.press('Enter');
  await step('greet').waitFor();
  await value.fill('moon');
  await viewer.keyboard.press('ControlOrMeta+S');
  const dialog = viewer.getByRole('dialog');
  await dialog.getByRole('textbox').fill('Typed');
  await dialog.getByRole('button', { name: 'Save', exact: true }).click();
  await viewer.waitForURL(/\/workflows\/my-workflow\/edit/);
  const saved = await daemon.call<{ source: string }>('GET', '/workflows/my-workflow');
  expect(saved.source).toContain('hello: moon');
});

test('a save against a version of somebody else shows both, loses neither, and is resolved', async () => {
  await daemon.save('greeting');
  const { source } = await daemon.call<{ source: string }>('GET', '/workflows/greeting');
  await viewer.goto(`${daemon.url}/workflows/greeting/edit?pane=text`);
  await viewer.locator('.cm-content').waitFor();
  const mine = `${source}# mine\nlabels: { of: me }\n`;
  await write(mine);
  await viewer.getByText(/^Valid/).waitFor();
  const theirs = source.replace(/^name: greeting$/m, 'name: greeting\npriority: 7');
  expect(theirs).not.toBe(source);
  await daemon.call('PUT', '/workflows/greeting', theirs);
  await viewer.getByText(/Version 2 was saved by somebody/).waitFor();

  await viewer.getByRole('button', { name: 'Save', exact: true }).click();
  await viewer.getByRole('dialog').getByRole('button', { name: 'Save', exact: true }).click();
  const dialog = viewer.getByRole('dialog', { name: /Version 2 was saved meanwhile/ });
  await dialog.getByText(/touch different places/).waitFor();
  await picture(viewer, 'builder-3-conflict');
  // Whoever goes back has lost nothing.
  await dialog.getByRole('button', { name: 'Cancel' }).click();
  await says('labels: { of: me }');
  expect(await daemon.call('GET', '/workflows/greeting')).toMatchObject({ version: 2 });

  await viewer.getByRole('button', { name: 'See what changed' }).click();
  await dialog.getByRole('button', { name: 'Save both' }).click();
  await dialog.waitFor({ state: 'hidden' });
  const both = await daemon.call<{ version: number; source: string }>('GET', '/workflows/greeting');
  expect(both.version).toBe(3);
  for (const part of ['priority: 7', '# mine', 'labels: { of: me }']) expect(both.source).toContain(part);
});

/** The browser's own editing would keep the look of what is replaced with an inline style, which the policy forbids. */
test('typing over a selection in the text breaks no rule of the page', async () => {
  await blank();
  await viewer.locator('.cm-content').getByText('world').dblclick();
  await viewer.keyboard.type('moon');
  await says('hello: moon');
  await viewer.keyboard.press('End');
  await viewer.keyboard.press('Shift+Home');
  await viewer.keyboard.insertText('first: { type: wait, for: 10s }');
  await says('for: 10s');
  await viewer.keyboard.press('ControlOrMeta+A');
  await viewer.keyboard.type('{');
  await viewer
    .getByText(/Text cannot be read|mistake/)
    .first()
    .waitFor();
  await write(FORK);
  await viewer.getByText(/^Valid/).waitFor();
});

test('a step is copied and pasted', async () => {
  await blank();
  await step('first').click();
  await viewer.keyboard.press('ControlOrMeta+C');
  await viewer.keyboard.press('ControlOrMeta+V');
  await step('first_2').waitFor();
  await says('first_2: { type: agent_call, agent: noop, input: { hello: world } }');
  await viewer.keyboard.press('ControlOrMeta+Z');
  await step('first_2').waitFor({ state: 'detached' });
});

/** S1-5.1g: nothing here needs a pointer. */
test('a small workflow is made and saved with the keyboard alone', async () => {
  await viewer.goto(`${daemon.url}/workflows/new`);
  const begin = viewer.getByRole('button', { name: /^Blank/ });
  await begin.waitFor();
  await begin.focus();
  await viewer.keyboard.press('Enter');
  await step('first').waitFor();
  for (const [asked, id] of [
    ['gate', 'approve'],
    ['wait', 'wait'],
  ] as const) {
    await viewer.keyboard.press('a');
    await viewer.getByRole('combobox', { name: /^Add a step/ }).waitFor();
    await viewer.keyboard.type(asked);
    await viewer.keyboard.press('Enter');
    await step(id).waitFor();
    // The one that was added is what the next keys are about.
    await viewer.waitForFunction((one) => document.activeElement?.getAttribute('data-id') === one, id);
  }
  // Back by an arrow, into the form, and a word changed there. In this room the picture goes down.
  await viewer.keyboard.press('ArrowUp');
  await viewer.waitForFunction(() => document.activeElement?.getAttribute('data-id') === 'approve');
  await viewer.keyboard.press('Enter');
  const id = viewer.getByLabel('Id', { exact: true });
  await viewer.waitForFunction(() => document.activeElement?.getAttribute('aria-label') === 'Id');
  expect(await id.inputValue()).toBe('approve');
  const action = viewer.getByLabel('Action', { exact: true });
  for (let tabs = 0; tabs < 20; tabs += 1) {
    if (await action.evaluate((field) => field === document.activeElement)) break;
    await viewer.keyboard.press('Tab');
  }
  await viewer.keyboard.press('ControlOrMeta+A');
  await viewer.keyboard.type('Is it good?');
  await viewer.keyboard.press('ControlOrMeta+S');
  await viewer.getByRole('dialog').getByRole('textbox').waitFor();
  await viewer.keyboard.type('By keys');
  await viewer.keyboard.press('Enter');
  await viewer.waitForURL(/\/workflows\/my-workflow.*\/edit/);
  const name = new URL(viewer.url()).pathname.split('/')[2] ?? '';
  const saved = await daemon.call<{ source: string; message: string }>('GET', `/workflows/${name}`);
  expect(saved.message).toBe('By keys');
  expect(saved.source).toContain('Is it good?');
  expect(saved.source).toContain('needs: [first]');
  expect(saved.source).toContain('needs: [approve]');
});
