/** What a person says of a write of which nobody knows whether it happened. */
import { api, data, idempotencyKey } from '$lib/api/client';
import { withMember } from '$lib/json/lex';

/** `output` is JSON, sent as it stands: numbers that no double holds are not changed. */
export function reconcile(
  id: string,
  path: string,
  happened: 'yes' | 'no',
  attempt: number,
  output?: string,
) {
  const words = JSON.stringify({ happened, attempt });
  const text = output === undefined ? words : withMember(words, 'output', output);
  return data(
    api.POST('/api/v1/runs/{id}/steps/{path}/reconcile', {
      params: { path: { id, path } },
      body: { happened },
      bodySerializer: () => text,
      headers: { 'Idempotency-Key': idempotencyKey() },
    }),
  );
}
