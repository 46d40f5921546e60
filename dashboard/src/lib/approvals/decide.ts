/** Answers, and what comes of it when somebody else was faster. */
import { api, data, idempotencyKey } from '$lib/api/client';
import { ApiError } from '$lib/api/problem';
import { isObject } from '$lib/forms/schema';

export interface Decision {
  yes: boolean;
  comment?: string;
  changes?: unknown;
}

export async function decide(id: string, { yes, comment, changes }: Decision): Promise<void> {
  const params = { path: { id } };
  const headers = { 'Idempotency-Key': idempotencyKey() };
  const said = comment?.trim() ? { comment: comment.trim() } : {};
  if (yes) {
    const body = changes === undefined ? said : { ...said, changes };
    await data(api.POST('/api/v1/approvals/{id}/approve', { params, headers, body }));
  } else {
    await data(api.POST('/api/v1/approvals/{id}/reject', { params, headers, body: said }));
  }
}

/** Who was faster, when that is why the answer was refused. */
export function decidedBefore(
  error: unknown,
): { status: string; by: string | null; at: string | null } | null {
  if (!(error instanceof ApiError) || error.code !== 'already_decided') return null;
  const state = isObject(error.problem.state) ? error.problem.state : {};
  const text = (value: unknown) => (typeof value === 'string' ? value : null);
  return { status: text(state.status) ?? 'decided', by: text(state.by), at: text(state.decided_at) };
}
