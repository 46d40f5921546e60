/**
 * View state lives in the URL: tab, filters, selection. What is there survives a reload and can be sent to somebody.
 * Values are plain text; a value that equals its default is left out of the URL.
 */
import { searchParams } from 'sv-router';

export function param(name: string, usual = ''): string {
  const value = searchParams.get(name);
  return value === null ? usual : String(value);
}

/** Changes several at once. `push` makes a step that the back button takes back; without it the URL is only kept true. */
export function setParams(changes: Record<string, string | null | undefined>, push = false): void {
  const url = new URL(location.href);
  const entries = Object.entries(changes).filter(
    ([name, value]) => (url.searchParams.get(name) ?? '') !== (value ?? ''),
  );
  entries.forEach(([name, value], at) => {
    const replace = !push || at > 0;
    if (value) searchParams.set(name, value, { replace });
    else searchParams.delete(name, undefined, { replace });
  });
}
