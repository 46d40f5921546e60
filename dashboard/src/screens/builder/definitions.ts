/** Reading, checking and saving definitions. Documents go over the wire as somebody wrote them, not as JSON made of them. */
import { api } from '$lib/api/client';
import { ApiError, type Diagnostic } from '$lib/api/problem';
import type { components } from '$lib/api/schema';

export type Plan = components['schemas']['Plan'];
export type Workflow = components['schemas']['Workflow'];
type Saved = components['schemas']['SavedWorkflow'];

export interface Checked {
  valid: boolean;
  diagnostics: Diagnostic[];
  plan: Plan | null;
}

export interface Latest {
  workflow: Workflow;
  etag: string | null;
}

export async function latest(name: string, signal?: AbortSignal): Promise<Latest> {
  const answer = await api.GET('/api/v1/workflows/{name}', {
    params: { path: { name } },
    ...(signal ? { signal } : {}),
  });
  return { workflow: answer.data as Workflow, etag: answer.response.headers.get('etag') };
}

/** The workflow of this name, or nothing when there is none. */
export async function ifThere(name: string): Promise<Latest | null> {
  try {
    return await latest(name);
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return null;
    throw error;
  }
}

export async function check(text: string, signal: AbortSignal): Promise<Checked> {
  const answer = await api.POST('/api/v1/workflows/validate', { ...document(text), signal });
  const { valid, diagnostics, plan } = answer.data as {
    valid: boolean;
    diagnostics: unknown[];
    plan?: Plan | null;
  };
  return { valid, diagnostics: diagnostics as Diagnostic[], plan: plan ?? null };
}

/** Saves the next version. With `etag` only when that is still the latest one: else an `ApiError` of status 412. */
export async function save(
  name: string,
  text: string,
  message: string,
  etag: string | null,
): Promise<{ saved: Saved; etag: string | null }> {
  const sent = document(text);
  const answer = await api.PUT('/api/v1/workflows/{name}', {
    ...sent,
    params: { path: { name }, query: message ? { message } : {} },
    headers: { ...sent.headers, ...(etag ? { 'If-Match': etag } : {}) },
  } as never);
  return { saved: (answer as { data: Saved }).data, etag: answer.response.headers.get('etag') };
}

function document(text: string) {
  return {
    body: text as never,
    bodySerializer: (body: unknown) => body as string,
    headers: { 'Content-Type': isJson(text) ? 'application/json' : 'application/yaml' },
  };
}

export function isJson(text: string): boolean {
  if (!text.trimStart().startsWith('{')) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
