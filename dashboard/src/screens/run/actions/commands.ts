/** What can be asked of a run. Each answers when the daemon has taken it, and throws what it has against it. */
import { api, data, idempotencyKey } from '$lib/api/client';
import type { components } from '$lib/api/schema';
import { withMember } from '$lib/json/lex';

const once = () => ({ 'Idempotency-Key': idempotencyKey() });
const at = (id: string) => ({ path: { id } });

export type RetryHazards = components['schemas']['RetryHazards'];
export interface RetryChoice {
  acknowledge_writes?: boolean;
  version?: number;
  /** JSON, sent as it stands. */
  input?: string;
}

export function cancel(id: string, reason: string, kill: boolean) {
  const body = { ...(reason ? { reason } : {}), ...(kill ? { kill } : {}) };
  return data(api.POST('/api/v1/runs/{id}/cancel', { params: at(id), body, headers: once() }));
}

export function pause(id: string, reason: string) {
  const body = reason ? { reason } : {};
  return data(api.POST('/api/v1/runs/{id}/pause', { params: at(id), body, headers: once() }));
}

export function resume(id: string) {
  return data(api.POST('/api/v1/runs/{id}/resume', { params: at(id), body: {}, headers: once() }));
}

export function adjust(id: string, body: components['schemas']['AdjustBody']) {
  return data(api.PATCH('/api/v1/runs/{id}', { params: at(id), body, headers: once() }));
}

export async function retryHazards(id: string, choice: RetryChoice): Promise<RetryHazards> {
  return (await retryWith(id, choice, true)) as RetryHazards;
}

export function retry(id: string, choice: RetryChoice) {
  return retryWith(id, choice, false);
}

function retryWith(id: string, choice: RetryChoice, dryRun: boolean) {
  const { input, ...rest } = choice;
  const words = JSON.stringify({ ...rest, ...(dryRun ? { dry_run: true } : {}) });
  const text = input === undefined ? words : withMember(words, 'input', input);
  return data(
    api.POST('/api/v1/runs/{id}/retry', {
      params: at(id),
      body: {},
      bodySerializer: () => text,
      headers: dryRun ? {} : once(),
    }),
  );
}

export function signal(id: string, name: string, payload: string) {
  return data(
    api.POST('/api/v1/runs/{id}/signals/{name}', {
      params: { path: { id, name } },
      body: {},
      bodySerializer: () => payload,
      headers: once(),
    }),
  );
}
