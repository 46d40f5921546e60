/**
 * How long it takes until what happened is seen: a page watches a run of so many steps that wait for a signal each, one after the other,
 * and from when a signal is sent until the page has painted that its step is done. `node scripts/live.mjs ORIGIN RUN STEPS` prints the
 * milliseconds as JSON.
 */
import { chromium } from 'playwright-core';

const [origin, run, steps] = process.argv.slice(2);
const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
await page.addInitScript(() => {
  // Looks at each change of the page itself, so that no clock of ours is in what is measured.
  globalThis.seen = (wanted) =>
    new Promise((resolve) => {
      const looks = new MutationObserver(look);
      function look() {
        if (!document.querySelector('main')?.textContent.includes(wanted)) return;
        looks.disconnect();
        requestAnimationFrame(() => setTimeout(() => resolve(Date.now())));
      }
      looks.observe(document, { subtree: true, childList: true, characterData: true });
      look();
    });
});
await page.goto(`${origin}/runs/${run}`);
const words = (done) => `${done} of ${steps} steps done`;
await page.evaluate((wanted) => globalThis.seen(wanted), words(0));
const times = [];
for (let step = 0; step < Number(steps); step += 1) {
  const painted = page.evaluate((wanted) => globalThis.seen(wanted), words(step + 1));
  const sent = Date.now();
  const answer = await fetch(`${origin}/api/v1/runs/${run}/signals/s${step}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{}',
  });
  if (!answer.ok) throw new Error(`the signal was refused: ${await answer.text()}`);
  times.push((await painted) - sent);
}
await browser.close();
process.stdout.write(`${JSON.stringify(times)}\n`);
