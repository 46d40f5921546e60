/** Between what is typed and the value that is meant. */

/** `undefined` when nothing is typed; the text itself when it is no number, so that the check can say so. */
export function numberOf(text: string): number | string | undefined {
  const trimmed = text.trim().replace(',', '.');
  if (trimmed === '') return undefined;
  const number = Number(trimmed);
  return Number.isFinite(number) ? number : text;
}

export type Parsed = { ok: true; value: unknown } | { ok: false; message: string };

/** JSON that somebody typed; nothing at all is `undefined`. */
export function parseJson(text: string): Parsed {
  if (text.trim() === '') return { ok: true, value: undefined };
  try {
    return { ok: true, value: JSON.parse(text) };
  } catch (error) {
    return { ok: false, message: `No JSON yet: ${where(error instanceof Error ? error.message : '', text)}` };
  }
}

/** Browsers say the place as an offset or as a line; people want the line. */
function where(message: string, text: string): string {
  const offset = /position (\d+)/.exec(message)?.[1];
  if (offset === undefined) return message.replace(/^JSON\.parse: /, '');
  const before = text.slice(0, Number(offset));
  const line = before.split('\n').length;
  const column = before.length - before.lastIndexOf('\n');
  return `line ${line}, character ${column}`;
}

export function pretty(value: unknown): string {
  return value === undefined ? '' : JSON.stringify(value, null, 2);
}

/** A moment for `<input type="datetime-local">`, in the zone that was chosen. */
export function toLocalInput(text: unknown, zone: 'local' | 'utc'): string {
  if (typeof text !== 'string') return '';
  const date = new Date(text);
  if (Number.isNaN(date.getTime())) return '';
  const shifted = zone === 'utc' ? date : new Date(date.getTime() - date.getTimezoneOffset() * 60_000);
  return shifted.toISOString().slice(0, 19);
}

/** What such an input says, as RFC 3339; `undefined` when it says nothing. */
export function fromLocalInput(text: string, zone: 'local' | 'utc'): string | undefined {
  if (text === '') return undefined;
  const date = new Date(zone === 'utc' ? `${text}Z` : text);
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString().replace('.000Z', 'Z');
}

/** Whether a text wants more than a line. */
export function isLong(
  schema: { format?: string; contentMediaType?: string; maxLength?: number },
  value: unknown,
) {
  return (
    ['textarea', 'multiline', 'markdown'].includes(schema.format ?? '') ||
    (schema.contentMediaType ?? '').startsWith('text/') ||
    (schema.maxLength ?? 0) >= 250 ||
    (typeof value === 'string' && (value.includes('\n') || value.length > 120))
  );
}
