/** Chromium, pages that fail the test when anything goes wrong in them, pictures, and what axe finds. */
import axe from 'axe-core';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core';

const PICTURES = process.env.GHOSTLIGHT_SCREENSHOTS;
export const WIDTHS = [360, 1024, 1920] as const;
export const THEMES = ['light', 'dark'] as const;

export function open(): Promise<Browser> {
  // As root there is no sandbox, and in containers little shared memory.
  const args = ['--no-sandbox', '--disable-dev-shm-usage'];
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args });
}

/** A page, and what went wrong in it: errors, what the policy refused, and what the console was told as an error. */
export async function page(browser: Browser, options: BrowserContextOptions = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const made = await context.newPage();
  const wrong: string[] = [];
  made.on('pageerror', (error) => wrong.push(String(error)));
  made.on('console', (message) => {
    // A daemon that is killed refuses connections; tests that kill it say so by looking at the page.
    const isNetwork = /ERR_CONNECTION|ERR_EMPTY_RESPONSE|Failed to load resource|WebSocket connection/.test(
      message.text(),
    );
    if (message.type() === 'error' && !isNetwork) wrong.push(message.text());
  });
  return { page: made, wrong, close: () => context.close() };
}

/** Keeps a picture for people to look at. */
export async function picture(of: Page, name: string): Promise<void> {
  if (!PICTURES) return;
  mkdirSync(PICTURES, { recursive: true });
  await of.screenshot({ path: join(PICTURES, `${name}.png`) });
}

/** What axe finds that is serious or worse, one line each. */
export async function serious(of: Page): Promise<string[]> {
  // As text through the debugger's door: the page's policy lets no script in.
  await of.evaluate(axe.source);
  const found = await of.evaluate(async () => {
    const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];
    const { violations } = await (window as unknown as { axe: typeof axe }).axe.run({
      runOnly: { type: 'tag', values: tags },
    });
    return violations
      .filter((violation) => violation.impact === 'serious' || violation.impact === 'critical')
      .map(
        (violation) => `${violation.id}: ${violation.nodes.map((node) => node.target.join(' ')).join(', ')}`,
      );
  });
  return found;
}

/** How far the page can be pushed sideways, which it must not. */
export function overflow(of: Page): Promise<number> {
  return of.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
}
