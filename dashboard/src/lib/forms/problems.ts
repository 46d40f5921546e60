/** What the daemon says against a value, as a form shows it: at the field. */
import { ApiError } from '$lib/api/problem';
import type { Violation } from './check';

/**
 * Violations and diagnostics of a refusal. `under` is where the value stands in what was sent: what is said of its surroundings is
 * left out, and pointers become relative to the value.
 */
export function violationsOf(error: unknown, under = ''): Violation[] {
  if (!(error instanceof ApiError)) return [];
  const { violations, diagnostics } = error.problem;
  const told: Violation[] = Array.isArray(violations) ? (violations as Violation[]) : [];
  const written = (diagnostics ?? [])
    .filter((one) => one.severity === 'error')
    .map((one) => ({ path: pointer(one.path ?? ''), message: one.message }));
  return [...told, ...written]
    .filter((one) => under === '' || one.path === under || one.path.startsWith(`${under}/`))
    .map((one) => ({ path: one.path.slice(under.length), message: sentence(one.message) }));
}

/** `a.b[0]` and `/a/b/0` are the same place. */
export function pointer(path: string): string {
  if (path === '' || path.startsWith('/')) return path;
  return `/${path
    .replaceAll(/\[(\d+)\]/g, '.$1')
    .split('.')
    .join('/')}`;
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
