/** How the daemon is. It answers 503 with the same body while it cannot take requests, which is no error here but what is asked. */
import type { components } from './schema';
import { ApiError } from './problem';

export type Readiness = components['schemas']['Readiness'];

export async function readiness(signal?: AbortSignal): Promise<Readiness> {
  let answer: unknown;
  try {
    answer = await (await fetch('/readyz?verbose', { signal: signal ?? null })).json();
  } catch (error) {
    if (signal?.aborted) throw error;
    throw ApiError.unreachable();
  }
  if (typeof (answer as Readiness)?.ready !== 'boolean') throw ApiError.unreachable();
  return answer as Readiness;
}
