/** Values as they are typed into one field: `3` is a number, `$probe.ok` a binding, `{ a: 1 }` a mapping, and words are words. */
import { parse } from 'yaml';
import { onOneLine } from './write';

export function toText(value: unknown): string {
  if (value === undefined) return '';
  if (typeof value !== 'string') return onOneLine(value);
  return fromText(value) === value ? value : JSON.stringify(value);
}

export function fromText(text: string): unknown {
  if (text.trim() === '') return text === '' ? '' : text;
  if (text.includes('\n') && !/^\s*[[{"']/.test(text)) return text;
  try {
    const value = parse(text) as unknown;
    // `Restart: now` is a sentence here; whoever means a mapping writes its braces.
    const isCollection = typeof value === 'object' && value !== null;
    return isCollection && !/^\s*[[{]/.test(text) ? text : value;
  } catch {
    return text;
  }
}
