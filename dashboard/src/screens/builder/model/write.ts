/** How values are written into a YAML or JSON text: short ones on one line, `{ a: 1, b: [x] }`, longer ones over several. */
import { Document, stringify } from 'yaml';

/** A value longer than this on one line is written over several. */
const LINE_MAX = 110;

/** On one line, in the manner of the shipped workflows: room within braces, none within brackets. */
export function onOneLine(value: unknown, json = false): string {
  if (json) return JSON.stringify(value ?? null);
  if (Array.isArray(value)) return `[${value.map((one) => onOneLine(one)).join(', ')}]`;
  if (isMapping(value)) {
    const pairs = Object.entries(value).map(([key, one]) => `${scalar(key)}: ${onOneLine(one)}`);
    return pairs.length === 0 ? '{}' : `{ ${pairs.join(', ')} }`;
  }
  return scalar(value);
}

/** Over several lines, the first without indentation and the others with `indent` more than they need. */
export function overLines(value: unknown, indent: number, json = false): string {
  const pad = ' '.repeat(indent);
  const text = json
    ? JSON.stringify(value ?? null, null, 2)
    : stringify(value, { lineWidth: 0, indent: 2, defaultStringType: 'PLAIN' }).replace(/\n$/, '');
  return text
    .split('\n')
    .map((line, at) => (at === 0 || line === '' ? line : pad + line))
    .join('\n');
}

/** Whether a value is better read on one line. */
export function isShort(value: unknown, column = 0): boolean {
  if (typeof value === 'string') return !value.includes('\n');
  if (typeof value !== 'object' || value === null) return true;
  if (hasLines(value)) return false;
  return column + onOneLine(value).length <= LINE_MAX;
}

export function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function hasLines(value: unknown): boolean {
  if (typeof value === 'string') return value.includes('\n');
  if (Array.isArray(value)) return value.some(hasLines);
  return isMapping(value) && Object.values(value).some(hasLines);
}

/** Quoted where it would be read as something else, also between braces. */
function scalar(value: unknown): string {
  if (typeof value === 'string' && value.includes('\n')) return JSON.stringify(value);
  const document = new Document([value ?? null]);
  (document.contents as unknown as { flow: boolean }).flow = true;
  const text = document.toString({ lineWidth: 0, flowCollectionPadding: true }).trim();
  return text.slice(1, -1).trim();
}
