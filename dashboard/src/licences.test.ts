/** What may be built into the dashboard. The licences themselves are written beside the built files (`dist/licences.md`). */
import { expect, test } from 'vitest';

import lock from '../package-lock.json';

const PERMISSIVE = ['0BSD', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'ISC', 'MIT'];

/** Packages with another licence, or whose manifest does not name it, and why they may be. */
const KNOWN: Record<string, string> = {
  'node_modules/@fontsource-variable/inter': 'OFL-1.1: a font, bundled unchanged under its name',
  'node_modules/@fontsource-variable/jetbrains-mono': 'OFL-1.1: a font, bundled unchanged under its name',
  'node_modules/elkjs': 'EPL-2.0: unchanged, in a file of its own (the worker), with its source named',
  'node_modules/svelte-toolbelt': 'MIT by its LICENSE file; the manifest does not say it',
};

interface Package {
  dev?: boolean;
  license?: string;
}

test('everything that is shipped has a permissive licence, or is named here with a reason', () => {
  const shipped = Object.entries(lock.packages as Record<string, Package>).filter(
    ([path, entry]) => path && !entry.dev,
  );
  const others = shipped
    .filter(([, entry]) => !PERMISSIVE.includes(entry.license ?? ''))
    .map(([path]) => path);
  expect(others.sort()).toEqual(Object.keys(KNOWN).sort());
});
