/** What waits for a person: three kinds of it, in the order in which they want to be looked at. */
import type { Approval } from '$lib/approvals/approval';
import type { Run } from '$lib/runs/words';

export type Item =
  | { kind: 'approval'; key: string; approval: Approval }
  | { kind: 'reconcile'; key: string; run: Run }
  | { kind: 'quarantine'; key: string; run: Run };

export const approvalItem = (approval: Approval): Item => ({
  kind: 'approval',
  key: `a:${approval.id}`,
  approval,
});
export const reconcileItem = (run: Run): Item => ({ kind: 'reconcile', key: `r:${run.id}`, run });
export const quarantineItem = (run: Run): Item => ({ kind: 'quarantine', key: `q:${run.id}`, run });

export const KIND_NAMES: Record<Item['kind'], string> = {
  approval: 'Approval',
  reconcile: 'Did it happen?',
  quarantine: 'Set aside',
};

const RISKS = ['critical', 'high', 'medium', 'low'];
/** Below this, the clock counts more than the risk. */
const SOON_MS = 900_000;

/** What runs out soon comes first, then the greater risk, then what has waited longer. */
export function inOrder(items: readonly Item[], now: number): Item[] {
  const rank = (item: Item): [number, number, number] => {
    const left = expiry(item) - now;
    return [left < SOON_MS ? left : SOON_MS, RISKS.indexOf(riskOf(item)), since(item)];
  };
  return items
    .map((item) => ({ item, rank: rank(item) }))
    .toSorted((a, b) => a.rank[0] - b.rank[0] || a.rank[1] - b.rank[1] || a.rank[2] - b.rank[2])
    .map(({ item }) => item);
}

export function riskOf(item: Item): string {
  // A write that may be done twice, or a run that nobody carries: neither is small.
  return item.kind === 'approval' ? item.approval.risk : 'high';
}

/** Since when it waits, as far as lists say it. */
export function since(item: Item): number {
  return item.kind === 'approval' ? Date.parse(item.approval.requested_at) : Date.parse(item.run.created_at);
}

export function expiry(item: Item): number {
  return item.kind === 'approval' && item.approval.expires_at
    ? Date.parse(item.approval.expires_at)
    : Infinity;
}

export function titleOf(item: Item): string {
  switch (item.kind) {
    case 'approval':
      return item.approval.action;
    case 'reconcile':
      return `Did a write of ${item.run.workflow} happen?`;
    case 'quarantine':
      return `${item.run.workflow} was set aside`;
  }
}

/** The run that waits, and what it is a run of. */
export function runOf(item: Item): { run: string; workflow: string } {
  return item.kind === 'approval'
    ? { run: item.approval.run, workflow: item.approval.workflow || 'the run' }
    : { run: item.run.id, workflow: item.run.workflow };
}

/** What to look at once this one is gone: the one below it, else the one above. */
export function neighbour(items: readonly Item[], key: string): string | null {
  const at = items.findIndex((item) => item.key === key);
  return (items[at + 1] ?? items[at - 1])?.key ?? null;
}
