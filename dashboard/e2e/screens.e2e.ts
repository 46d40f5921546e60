/** Every screen at three widths, light and dark: no serious finding of axe, nothing to push sideways, and a picture to look at. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Browser } from 'playwright-core';

import { open, overflow, page, picture, serious, THEMES, WIDTHS } from './browser';
import { Daemon } from './daemon';

let daemon: Daemon;
let browser: Browser;
const runs: Record<string, string> = {};

beforeAll(async () => {
  [daemon, browser] = await Promise.all([Daemon.start(), open()]);
  for (const name of ['greeting', 'broken', 'ticking']) await daemon.save(name);
  runs.waiting = await daemon.run('greeting', { who: 'Ada' });
  runs.failed = await daemon.run('broken');
  runs.long = await daemon.run('ticking', { list: [1, 2, 3] });
  await daemon.ended(runs.failed);
  await daemon.ended(runs.long);
});

afterAll(async () => {
  await browser.close();
  await daemon.stop();
});

const SCREENS: [name: string, path: () => string][] = [
  ['home', () => '/'],
  ['needs-you', () => '/needs-you'],
  ['runs', () => '/runs'],
  ['run-waiting', () => `/runs/${runs.waiting}`],
  ['run-failed', () => `/runs/${runs.failed}`],
  ['run-timeline', () => `/runs/${runs.long}?tab=timeline`],
  ['run-steps', () => `/runs/${runs.long}?tab=steps`],
  ['run-state', () => `/runs/${runs.long}?tab=state`],
  ['run-events', () => `/runs/${runs.long}?tab=events`],
  ['run-plan', () => `/runs/${runs.long}?tab=plan`],
  ['workflows', () => '/workflows'],
  ['workflow', () => '/workflows/greeting'],
  ['builder', () => '/workflows/greeting/edit'],
  ['builder-new', () => '/workflows/new'],
  ['agents', () => '/agents'],
  ['agent', () => '/agents/noop'],
  ['system', () => '/system'],
  ['settings', () => '/settings'],
  ['not-found', () => '/nothing/here'],
];

describe.each(THEMES)('in %s colours', (theme) => {
  for (const [name, path] of SCREENS) {
    /** S1-5.1g, S2-3.1e, S3-7e, S3-7p, S3-7y: on a phone, a tablet and a large screen, in both colours. */
    test(`${name} can be used by everybody at every width`, async () => {
      const { page: viewer, wrong, close } = await page(browser, { colorScheme: theme });
      const found: string[] = [];
      for (const width of WIDTHS) {
        await viewer.setViewportSize({ width, height: width < 500 ? 780 : 1000 });
        await viewer.goto(`${daemon.url}${path()}`);
        await viewer.locator('main h1, main h2').first().waitFor();
        await viewer.waitForFunction(() => {
          const bones = document.querySelectorAll('[role=status][aria-label=Loading]');
          return ![...bones].some((one) => one.checkVisibility());
        });
        // A graph is laid out beside the page. That of a new workflow has nothing in it.
        const graph = viewer.locator('.svelte-flow');
        if (name !== 'builder-new' && (await graph.count()) > 0)
          await viewer.locator('.svelte-flow__node').first().waitFor();
        await picture(viewer, `${name}-${width}-${theme}`);
        found.push(...(await serious(viewer)).map((line) => `${width}: ${line}`));
        const sideways = await overflow(viewer);
        if (sideways > 0) found.push(`${width}: scrolls sideways by ${sideways}`);
      }
      expect([...found, ...wrong]).toEqual([]);
      await close();
    });
  }
});
