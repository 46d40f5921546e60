/** A question to a person, and what becomes of it when nobody answers in time. */
import type { components } from '$lib/api/schema';
import { absolute, clockTime, duration } from '$lib/format';

export type Approval = components['schemas']['Approval'];

const AFTER: Record<string, string> = {
  approve: 'it counts as approved, and the run goes on',
  reject: 'it counts as rejected, and its step fails',
};

/** What happens when the time is over; `null` when nobody knows, or nothing does. */
export function afterwards(onTimeout: string | null | undefined): string | null {
  return AFTER[onTimeout ?? ''] ?? null;
}

/**
 * How long there is for an answer, until when, and what comes then, as sentences. Whole seconds, so that it counts and does not
 * flicker.
 */
export function deadline(
  approval: Pick<Approval, 'expires_at' | 'on_timeout'>,
  now: number,
  zone: 'local' | 'utc',
): string {
  if (!approval.expires_at) return 'It waits until somebody answers.';
  const at = Date.parse(approval.expires_at);
  const left = at - now;
  const then = afterwards(approval.on_timeout);
  if (left <= 0) return then ? `The time is over: ${then}.` : 'The time is over.';
  const until = left < 43_200_000 ? clockTime(at, zone) : absolute(at, zone);
  const said = `${duration(Math.ceil(left / 1000) * 1000)} left to answer, until ${until}.`;
  return then ? `${said} After that ${then}.` : said;
}
