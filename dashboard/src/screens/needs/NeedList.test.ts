import { cleanup, render, screen } from '@testing-library/svelte';
import { afterEach, expect, test, vi } from 'vitest';
import type { Approval } from '$lib/approvals/approval';
import { approvalItem } from './items';
import NeedList from './NeedList.svelte';

let seen: (is: boolean) => void = () => undefined;

class Looks {
  constructor(told: IntersectionObserverCallback) {
    seen = (isIntersecting) =>
      told([{ isIntersecting } as IntersectionObserverEntry], this as unknown as IntersectionObserver);
  }
  observe() {}
  disconnect() {}
}
vi.stubGlobal('IntersectionObserver', Looks);
afterEach(cleanup);

const items = Array.from({ length: 500 }, (_, n) =>
  approvalItem({
    id: `q${n}`,
    run: 'r',
    workflow: 'w',
    step: 'ask',
    action: `Question ${n}`,
    risk: 'low',
    requested_at: '2026-01-01T00:00:00Z',
    status: 'pending',
  } as Approval),
);
const rows = () => screen.getAllByRole('listitem').length;
const key = (n: number) => items[n]?.key ?? '';

test('rows of a long list are made as far as somebody looks', async () => {
  render(NeedList, { items, current: key(0), onpick: () => undefined });
  const first = rows();
  expect(first).toBeLessThan(100);
  seen(false);
  expect(rows()).toBe(first);
  seen(true);
  await vi.waitFor(() => expect(rows()).toBeGreaterThan(first));
  expect(screen.getAllByRole('listitem')[0]?.getAttribute('aria-setsize')).toBe('500');
});

test('what is chosen is there, however far down it stands', () => {
  render(NeedList, { items, current: key(400), onpick: () => undefined });
  expect(screen.getByText('Question 400')).toBeTruthy();
});
