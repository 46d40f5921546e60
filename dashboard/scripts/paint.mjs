/**
 * How long a screen takes until it is of use: from the start of the navigation until something that `selector` names has been painted,
 * each time in a browser that has nothing in its cache. `node scripts/paint.mjs URL SELECTOR [LOADS]` prints the milliseconds as JSON.
 */
import { chromium } from 'playwright-core';

const [url, selector, loads = '7'] = process.argv.slice(2);
const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
const times = [];
for (let load = 0; load < Number(loads); load += 1) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  const page = await context.newPage();
  await page.addInitScript((wanted) => {
    const look = () => {
      if (!document.querySelector(wanted)) return requestAnimationFrame(look);
      // The next frame has it on the screen.
      requestAnimationFrame(() => setTimeout(() => (globalThis.painted = performance.now())));
    };
    look();
  }, selector);
  await page.goto(url, { waitUntil: 'commit' });
  await page.waitForFunction(() => globalThis.painted !== undefined, undefined, { timeout: 60_000 });
  times.push(await page.evaluate(() => globalThis.painted));
  await context.close();
}
await browser.close();
process.stdout.write(`${JSON.stringify(times)}\n`);
