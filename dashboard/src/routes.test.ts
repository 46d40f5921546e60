import { expect, test } from 'vitest';
import { routes, screenAt } from './routes';

test('an address has the screen that the router shows there', () => {
  expect(screenAt('/')).toBe(routes['/']);
  expect(screenAt('/runs/01a2')).toBe(routes['/runs/:id']);
  expect(screenAt('/runs/')).toBe(routes['/runs']);
  expect(screenAt('/workflows/new')).toBe(routes['/workflows/new']);
  expect(screenAt('/workflows/old')).toBe(routes['/workflows/:name']);
  expect(screenAt('/workflows/old/edit')).toBe(routes['/workflows/:name/edit']);
  expect(screenAt('/nowhere/at/all')).toBe(routes['*notfound']);
});
