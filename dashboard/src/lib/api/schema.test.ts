// @vitest-environment node
import { readFile } from 'node:fs/promises';
import openapiTS, { astToString } from 'openapi-typescript';
import { expect, it } from 'vitest';

it('the types of the API belong to the OpenAPI document beside them', { timeout: 60_000 }, async () => {
  const root = new URL('../../../', import.meta.url);
  // As `npm run types` makes them, which is also what mends a difference.
  const ast = await openapiTS(new URL('openapi.json', root), { alphabetize: true, rootTypes: true });
  const body = (text: string) => text.slice(text.indexOf('export ')).trim();
  const types = await readFile(new URL('src/lib/api/schema.ts', root), 'utf8');
  expect(body(types) === body(astToString(ast)), 'run `npm run types`').toBe(true);
});
