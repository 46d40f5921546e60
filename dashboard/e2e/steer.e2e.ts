/** What somebody does to the engine from the dashboard, and what stays of it over a reload, a lost login and a daemon that was away. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Browser, Page } from 'playwright-core';

import { open, page, picture, serious } from './browser';
import { Daemon } from './daemon';

const SLEEPER = `ghostlight: 1
name: sleeper
description: Sleeps, so that it can be paused
nodes:
  nap: { type: wait, for: 1h }
`;
const DANGLING = `ghostlight: 1
name: dangling
description: Writes to a system whose answer never comes
nodes:
  write:
    type: agent_call
    agent: fail
    effect: write
    description: Books the seat
    input: { happened: unknown, message: the answer never came }
`;

let daemon: Daemon;
let browser: Browser;
/** In which each test has its own page. */
let viewer: Page;
let wrong: string[];
let close: () => Promise<void>;

beforeAll(async () => {
  [daemon, browser] = await Promise.all([Daemon.start(), open()]);
  for (const name of ['greeting', 'broken']) await daemon.save(name);
  for (const text of [SLEEPER, DANGLING]) await daemon.call('POST', '/workflows', text);
});

afterAll(async () => {
  await browser.close();
  await daemon.stop();
});

async function show(path: string, of: Daemon = daemon): Promise<void> {
  ({ page: viewer, wrong, close } = await page(browser));
  await viewer.goto(`${of.url}${path}`);
}

async function end(): Promise<void> {
  expect(wrong).toEqual([]);
  await close();
}

/** For a machine that is busy with other things. */
const eventually = <T>(read: () => Promise<T>) => expect.poll(read, { timeout: 20_000 });
const dialog = () => viewer.getByRole('dialog');
const press = (name: string | RegExp) =>
  viewer
    .getByRole('button', { name, exact: typeof name === 'string' })
    .first()
    .click();
const sees = (text: string | RegExp) => viewer.getByText(text).first().waitFor();

describe('a workflow', () => {
  /** S3-7m: an earlier version becomes the next one, and why. */
  test('goes back to an earlier version, with a reason', async () => {
    const { source } = await daemon.call<{ source: string }>('GET', '/workflows/greeting');
    const changed = source.replace('Prepares a greeting', 'Prepares a long greeting');
    await daemon.call('PUT', '/workflows/greeting', changed);
    await show('/workflows/greeting?tab=versions');
    await sees('Version 2');
    await press('Roll back to it');
    await dialog().getByRole('textbox').fill('The long one was too long');
    await dialog().getByRole('button', { name: 'Roll back' }).click();
    await sees('Version 1 is version 3 now');
    await sees('The long one was too long');
    expect(await daemon.call('GET', '/workflows/greeting')).toMatchObject({ version: 3, source });
    // The way back is offered where it is said.
    await press('Undo');
    await sees('Version 4');
    await end();
  });

  /** S3-7c */
  test('is made public and private again', async () => {
    await show('/workflows/greeting');
    const of = async () =>
      (await daemon.call<{ visibility: string }>('GET', '/workflows/greeting')).visibility;
    await press('More for greeting');
    await viewer.getByRole('menuitem', { name: 'Make it public' }).click();
    await eventually(of).toBe('public');
    await viewer.reload();
    await viewer.locator('header').getByText('public', { exact: true }).waitFor();
    await press('More for greeting');
    await viewer.getByRole('menuitem', { name: 'Make it private' }).click();
    await eventually(of).toBe('private');
    await end();
  });
});

describe('an actor', () => {
  /** S1-5.1n2: its next life is seen, and that somebody did it, and why. */
  test('is restarted and stopped with a reason, and the tree shows what became of it', async () => {
    type Node = { path: string; state: string; incarnation: number; children: Node[] };
    const all = (node: Node): Node[] => [node, ...node.children.flatMap(all)];
    const tree = async () => all(await daemon.call<Node>('GET', '/tree'));
    const path = (await tree()).find((node) => /^runs\/[^/]+$/.test(node.path))?.path ?? '';
    const now = async () => (await tree()).find((node) => node.path === path);
    const before = (await now())?.incarnation ?? 0;
    await show(`/system?actor=${encodeURIComponent(path)}`);
    const detail = viewer.locator('.detail');
    await detail.getByText(`number ${before}`, { exact: true }).waitFor();

    await detail.getByRole('button', { name: 'Restart' }).click();
    expect(await dialog().getByRole('button', { name: 'Restart' }).isDisabled()).toBe(true);
    await dialog().getByRole('textbox').fill('It looked tired');
    await dialog().getByRole('button', { name: 'Restart' }).click();
    await detail.getByText(`number ${before + 1}`, { exact: true }).waitFor();
    await detail.getByText(/^Restarted by hand/).waitFor();
    await detail.getByText('It looked tired').waitFor();
    await viewer.locator('li').filter({ hasText: 'restarted by hand' }).first().waitFor();
    expect(await now()).toMatchObject({ state: 'running', incarnation: before + 1 });

    await detail.getByRole('button', { name: 'Stop' }).click();
    await dialog().getByRole('textbox').fill('Out for lunch');
    await dialog().getByRole('button', { name: 'Stop' }).click();
    await detail.locator('.tags').getByText('Stopped', { exact: true }).waitFor();
    await detail.getByText(/^Stopped by hand/).waitFor();
    await picture(viewer, 'actor-stopped');
    expect(await serious(viewer)).toEqual([]);
    expect((await now())?.state).toBe('stopped');

    await detail.getByRole('button', { name: 'Restart' }).click();
    await dialog().getByRole('textbox').fill('Back from lunch');
    await dialog().getByRole('button', { name: 'Restart' }).click();
    await detail.locator('.tags').getByText('Running', { exact: true }).waitFor();
    expect((await now())?.state).toBe('running');
    await end();
  });
});

describe('many runs', () => {
  /** Complaint 6 of those that users of others have: what would happen is counted first. */
  test('are paused and resumed together, after it was said how many that would be', async () => {
    const runs = await Promise.all(Array.from({ length: 5 }, () => daemon.run('sleeper')));
    const paused = await daemon.run('sleeper');
    await daemon.call('POST', `/runs/${paused}/pause`, {});
    const ended = await daemon.run('broken');
    await daemon.ended(ended);
    const statuses = async () =>
      Promise.all(
        runs.map(async (id) => (await daemon.call<{ status: string }>('GET', `/runs/${id}`)).status),
      );
    await show('/runs');
    await viewer
      .getByRole('checkbox', { name: /^Choose run .* of sleeper/ })
      .nth(5)
      .waitFor();
    await viewer.getByRole('checkbox', { name: /^Choose all/ }).check();
    const bar = viewer.getByRole('region', { name: 'With the runs that are chosen' });
    await bar.getByRole('button', { name: 'Pause' }).click();
    await dialog().getByText('5 runs would be paused.').waitFor();
    await dialog().getByText('1 is paused already.').waitFor();
    await dialog()
      .getByText(/refuse, and stay as they are/)
      .waitFor();
    expect(new Set(await statuses())).toEqual(new Set(['running']));
    expect(await serious(viewer)).toEqual([]);
    await dialog().getByRole('textbox').fill('Maintenance');
    await dialog().getByRole('button', { name: 'Pause 5 runs' }).click();
    await dialog().getByText('5 runs were paused.').waitFor();
    await eventually(async () => new Set(await statuses())).toEqual(new Set(['paused']));
    await dialog().getByRole('button', { name: 'Close', exact: true }).last().click();

    await daemon.call('POST', `/runs/${paused}/cancel`, {});
    await viewer.goto(`${daemon.url}/runs?status=paused`);
    await viewer.getByRole('checkbox', { name: /^Choose all/ }).check();
    await bar.getByRole('button', { name: 'Resume' }).click();
    await dialog().getByText('5 runs would be resumed.').waitFor();
    await dialog().getByRole('button', { name: 'Resume 5 runs' }).click();
    await sees('5 runs were resumed');
    await eventually(async () => new Set(await statuses())).toEqual(new Set(['running']));
    await end();
  });

  /** S2-1.3c: a filter with a name. */
  test('are found again by a view that was saved, over a reload', async () => {
    await show('/runs');
    await viewer
      .getByRole('group', { name: 'Status' })
      .getByRole('button', { name: /Failed/ })
      .click();
    await viewer.waitForURL(/status=failed/);
    await press('Views');
    await viewer.getByRole('menuitem', { name: /^Save what is shown/ }).click();
    await dialog().getByLabel('Name').fill('What broke');
    await dialog().getByRole('button', { name: 'Save' }).click();
    await viewer.getByRole('button', { name: 'What broke' }).waitFor();
    await viewer.reload();
    await viewer.getByRole('button', { name: 'What broke' }).waitFor();
    await press('What broke');
    await viewer.getByRole('menuitem', { name: 'All runs' }).click();
    await viewer.waitForURL((url) => url.search === '');
    await press('Views');
    await viewer.getByRole('menuitem', { name: 'What broke' }).click();
    await viewer.waitForURL(/status=failed/);
    // Each choice is a step that the back button takes back.
    await viewer.goBack();
    await viewer.waitForURL((url) => url.search === '');
    await end();
  });
});

/** Whoever finds it disabled is told why. */
test('an agent is disabled with a reason, and enabled again', async () => {
  const enabled = async () => (await daemon.call<{ enabled: boolean }>('GET', '/agents/sleep')).enabled;
  await show('/agents/sleep');
  await press('Disable');
  await dialog().getByRole('textbox').fill('It sleeps too long');
  await dialog().getByRole('button', { name: 'Disable' }).click();
  await eventually(enabled).toBe(false);
  await viewer.reload();
  await sees('Why: It sleeps too long');
  await press('Enable');
  await eventually(enabled).toBe(true);
  await viewer.getByRole('button', { name: 'Disable', exact: true }).waitFor();
  await end();
});

/** P10, S0-3.3c: nobody knows whether it happened until somebody has looked. */
test('a write of which nobody knows whether it happened is settled from the list of what needs you', async () => {
  const run = await daemon.run('dangling');
  await show('/needs-you');
  await viewer.getByRole('button', { name: /Did a write of dangling happen/ }).click();
  await sees('Books the seat');
  await sees('the answer never came');
  await viewer.getByText('It happened', { exact: true }).click();
  // What the agent would have answered: the step goes on with it.
  await viewer.getByLabel(/attempt/i).fill('1');
  await press('Record it');
  expect(await daemon.ended(run)).toMatchObject({ status: 'completed' });
  await viewer.getByRole('button', { name: /Did a write of dangling happen/ }).waitFor({ state: 'detached' });
  await end();
});

/** The back button leads through what was looked at. */
test('what was looked at in the list of what needs you is gone back to', async () => {
  const runs = [];
  for (const who of ['Ada', 'Grace', 'Joan']) runs.push(await daemon.run('greeting', { who }));
  await show('/needs-you');
  const row = (who: string) => viewer.getByRole('button', { name: new RegExp(`Greet ${who}`) });
  const shown = (who: string) => viewer.getByRole('heading', { name: `Greet ${who}` }).waitFor();
  await row('Joan').waitFor();
  await row('Joan').click();
  await shown('Joan');
  await row('Grace').click();
  await shown('Grace');
  await viewer.goBack();
  await shown('Joan');
  await viewer.getByRole('tab', { name: 'Decided' }).click();
  await viewer.goBack();
  await shown('Joan');
  for (const run of runs) await daemon.call('POST', `/runs/${run}/cancel`, {});
  await end();
});

test('what is chosen in the settings is kept over a reload', async () => {
  await show('/settings');
  await viewer.getByText('Dark', { exact: true }).click();
  await viewer.getByText('UTC', { exact: true }).click();
  await sees(/Now: .* UTC$/);
  await viewer.reload();
  expect(await viewer.getByRole('radio', { name: 'Dark' }).isChecked()).toBe(true);
  await sees(/Now: .* UTC$/);
  expect(await viewer.locator('html').getAttribute('data-theme')).toBe('dark');
  await viewer.locator('label').filter({ hasText: 'Local' }).click();
  await viewer.getByText(/Now: .* UTC$/).waitFor({ state: 'detached' });
  await end();
});

/** S2-2.2c: WCAG 2.2.1 in `notices.test.ts`; here that nothing is covered by it. */
test('many runs that fail are told as one, beside what one works with', async () => {
  await show('/runs');
  await viewer.getByText('Live', { exact: true }).waitFor();
  const runs = await Promise.all(Array.from({ length: 6 }, () => daemon.run('broken')));
  await Promise.all(runs.map((run) => daemon.ended(run)));
  const notices = viewer.getByRole('region', { name: 'Notices' });
  await notices.getByText(/^[3-6] runs failed/).waitFor();
  await picture(viewer, 'notices');
  expect(await serious(viewer)).toEqual([]);
  const main = await viewer.locator('main').boundingBox();
  for (const notice of await notices.locator('.toast').all()) {
    const box = await notice.boundingBox();
    expect((box?.x ?? 0) + (box?.width ?? 0)).toBeLessThanOrEqual(main?.x ?? 0);
  }
  // It does not go while it is pointed at, and leads to what it tells of.
  await notices.locator('.toast').first().hover();
  await notices.getByRole('link', { name: /runs failed/ }).click();
  await viewer.waitForURL(/\/runs\?status=failed/);
  await end();
});

/** Screen 1: all numbers equal the sums of the API, and what needs somebody comes first on a phone. */
test('home says at one look what needs somebody, what failed and what runs', async () => {
  const run = await daemon.run('greeting', { who: 'Home' });
  type Counts = {
    waiting_approvals: number;
    waiting: { reconcile: number };
    quarantined: number;
    by_status: Record<string, number>;
  };
  const read = () => daemon.call<Counts>('GET', '/runs/counts');
  await eventually(async () => (await read()).waiting_approvals).toBe(1);
  const counts = await read();
  const needs = counts.waiting_approvals + counts.waiting.reconcile + counts.quarantined;
  await show('/');
  await viewer.setViewportSize({ width: 360, height: 780 });
  const tile = (name: string) =>
    viewer
      .locator('.tile')
      .filter({ has: viewer.getByRole('heading', { name, exact: true }) })
      .locator('.n');
  await eventually(() => tile('Needs you').innerText()).toBe(String(needs));
  await eventually(() => tile('Running').innerText()).toBe(String(counts.by_status.running));
  await eventually(() => tile('Failed').innerText()).toBe(String(counts.by_status.failed));
  const top = async (name: string) =>
    (await viewer.getByRole('heading', { name, exact: true }).last().boundingBox())?.y ?? 0;
  const order = ['Needs you', 'Newest failed runs', 'Newest runs', 'The last 24 hours'];
  const places = await Promise.all(order.map(top));
  expect(places).toEqual(places.toSorted((a, b) => a - b));
  await daemon.call('POST', `/runs/${run}/cancel`, {});
  await end();
});

/** Complaint 3: whoever waits for the daemon sees for what, and need not wait. */
test('a daemon that was away is tried at once when somebody asks for it', async () => {
  await show('/runs');
  await viewer.getByText('Live', { exact: true }).waitFor();
  await daemon.kill();
  await sees(/^Trying again in/);
  await viewer.locator('.banner').getByText('The daemon does not answer.').waitFor();
  expect(await serious(viewer)).toEqual([]);
  await daemon.again();
  const live = viewer.getByText('Live', { exact: true });
  await Promise.race([press('Try now').catch(() => undefined), live.waitFor()]);
  await live.waitFor();
  await viewer.locator('.banner').waitFor({ state: 'detached' });
  // What could not be read meanwhile is read.
  await viewer.getByRole('alert').first().waitFor({ state: 'detached' });
  await end();
});

/** S3-8: a login ends with its token, and with the daemon; nobody loses their place by it. */
test('one logs in with a token, and comes back to the same page after the login has ended', async () => {
  const locked = await Daemon.start();
  const make = (label: string, headers = {}) =>
    locked.call<{ id: string; token: string }>('POST', '/tokens', { label }, headers);
  const admin = await make('admin');
  const asAdmin = { authorization: `Bearer ${admin.token}` };
  const laptop = await make('laptop', asAdmin);
  await show('/runs?status=failed', locked);

  const login = async (token: string) => {
    await viewer.getByLabel('Access token').fill(token);
    await viewer.getByRole('button', { name: 'Log in' }).click();
  };
  const isBack = async () => {
    await viewer.getByRole('heading', { name: 'Runs', exact: true }).waitFor();
    await viewer.getByText('Live', { exact: true }).waitFor();
    expect(new URL(viewer.url()).pathname + new URL(viewer.url()).search).toBe('/runs?status=failed');
  };
  await login('not-a-token');
  await sees('This token is not known here, or it has ended.');
  await login(laptop.token);
  await isBack();
  await viewer.reload();
  await isBack();

  await locked.call('DELETE', `/tokens/${laptop.id}`, undefined, asAdmin);
  await sees(/^Your login has ended/);
  await picture(viewer, 'login-ended');
  expect(await serious(viewer)).toEqual([]);
  await login(laptop.token);
  await sees('This token is not known here, or it has ended.');
  await login(admin.token);
  await isBack();

  await locked.kill();
  await locked.again();
  await sees(/^Your login has ended/);
  await login(admin.token);
  await isBack();

  await viewer.goto(`${locked.url}/settings?tab=access`);
  await press('Log out');
  await viewer.getByLabel('Access token').waitFor();
  expect(await viewer.getByText(/^Your login has ended/).count()).toBe(0);
  await end();
  await locked.stop();
});
