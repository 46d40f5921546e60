import { cleanup, render } from '@testing-library/svelte';
import { afterEach, expect, test } from 'vitest';
import type { Standing } from '$lib/runs/words';
import RunPill from './RunPill.svelte';

afterEach(cleanup);

const told = (run: Partial<Standing>, short = false) => {
  const standing = { status: 'running', waiting_approvals: 0, waits_for: [], ...run };
  const { container } = render(RunPill, { run: standing, short });
  return container.textContent?.replace(/\s+/g, ' ').trim();
};

test('a run that waits for a person is called by its state, and says so beside it', () => {
  expect(told({ waiting_approvals: 1 })).toBe('Running Needs you');
  cleanup();
  expect(told({ waiting_approvals: 1 }, true)).toBe('Running Needs you');
});

test('a run that lacks a part says so beside its state', () => {
  expect(told({ status: 'completed', result: 'partial' })).toBe('Completed In part');
});

test('a run of which there is nothing more to say has its state alone', () => {
  expect(told({ status: 'failed' })).toBe('Failed');
});
