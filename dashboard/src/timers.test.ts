// @vitest-environment node
import { readdir, readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';

/** Nothing is read on a timer but here; each place says why in a comment. */
const ALLOWED = new Map([
  ['lib/state/clock.svelte.ts', 'how long ago something was'],
  ['screens/observer/sample.ts', 'mailboxes move without events'],
]);
/** What would make a timer that goes on: an interval, or waiting for the next frame again and again. */
const GOES_ON = /\bsetInterval\s*\(|\bsetTimeout\s*\(\s*(?:tick|poll|refresh|reload|load|sample)\b/;

it('only the places that are named here have a timer that goes on', async () => {
  const src = new URL('./', import.meta.url);
  const files = (await readdir(src, { recursive: true })).filter(
    (file) => /\.(ts|svelte)$/.test(file) && !file.endsWith('.test.ts'),
  );
  const found: string[] = [];
  for (const file of files) {
    if (GOES_ON.test(await readFile(new URL(file, src), 'utf8'))) found.push(file);
  }
  expect(found.sort()).toEqual([...ALLOWED.keys()].sort());
});
