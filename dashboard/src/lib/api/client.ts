/**
 * The one way to the daemon's HTTP API. Paths, queries and answers are typed by the OpenAPI document (`schema.ts`, made by
 * `npm run types`); what goes wrong is thrown as an [[ApiError]], which carries the daemon's problem document.
 */
import createClient, { type Middleware } from 'openapi-fetch';

import { fetchOnce } from './ahead';
import type { paths } from './schema';
import { ApiError, problemOf } from './problem';

/** Set by the session once somebody has logged in; sent with everything that changes something. */
export const csrf = { token: null as string | null };

const throwing: Middleware = {
  onRequest({ request }) {
    if (csrf.token && request.method !== 'GET' && request.method !== 'HEAD') {
      request.headers.set('Ghostlight-CSRF', csrf.token);
    }
    return request;
  },
  async onResponse({ response }) {
    if (!response.ok) throw await problemOf(response);
  },
  onError({ error }) {
    if (error instanceof ApiError) return error;
    if (error instanceof DOMException && error.name === 'AbortError') return error;
    return ApiError.unreachable();
  },
};

export const api = createClient<paths>({ baseUrl: globalThis.location?.origin ?? '', fetch: fetchOnce });
api.use(throwing);

/** What an answer holds. Errors were thrown before; an answer without a body is `undefined`. */
export async function data<T>(answer: Promise<{ data?: T }>): Promise<T> {
  return (await answer).data as T;
}

/** A key under which a request may be repeated without being done twice. */
export function idempotencyKey(): string {
  return crypto.randomUUID();
}
