/** What an attempt says while it runs: how far it is, and the last lines of what it writes. */
import type { Live } from '$lib/feed/decode';

export interface Said {
  attempt: number;
  /** 0 to 1; `null` when the agent does not say. */
  ratio: number | null;
  lines: string[];
  /** What it has written since the last end of a line. */
  rest: string;
  /** So many characters of its text have been seen. */
  offset: number;
}

export const LINES_MAX = 5;
const LINE_CHARS_MAX = 400;

/** What was said of each step, after more of it; the same map when nothing was new. */
export function hear(said: ReadonlyMap<string, Said>, events: Live[]): ReadonlyMap<string, Said> {
  const next = new Map(said);
  let changed = false;
  for (const { type, subject, data } of events) {
    const path = subject.step;
    const attempt = Number(data.attempt);
    if (!path || !Number.isFinite(attempt)) continue;
    const known = next.get(path);
    // Of an older attempt nobody wants to know any more.
    if (known && known.attempt > attempt) continue;
    const before = known?.attempt === attempt ? known : empty(attempt);
    const after =
      type === 'step.progress'
        ? progressed(before, data)
        : type === 'step.token'
          ? wrote(before, data)
          : before;
    if (after === known) continue;
    next.set(path, after);
    changed = true;
  }
  return changed ? next : said;
}

function empty(attempt: number): Said {
  return { attempt, ratio: null, lines: [], rest: '', offset: 0 };
}

function progressed(before: Said, data: Record<string, unknown>): Said {
  const ratio = typeof data.ratio === 'number' ? Math.min(1, Math.max(0, data.ratio)) : before.ratio;
  const line = typeof data.text === 'string' ? data.text.trim() : '';
  if (line === '' || before.lines.at(-1) === line) return { ...before, ratio };
  return { ...before, ratio, lines: last([...before.lines, line]) };
}

/**
 * A piece of text says at which byte it begins. After connecting anew all that is kept of the text comes as one piece: of what was
 * seen before only what is new counts, and where something is missing a line begins.
 */
function wrote(before: Said, data: Record<string, unknown>): Said {
  const offset = Number(data.offset ?? 0);
  const bytes = new TextEncoder().encode(String(data.text ?? ''));
  if (offset + bytes.length <= before.offset) return before;
  const known = Math.max(0, before.offset - offset);
  const hole = offset > before.offset;
  const parts = ((hole ? '' : before.rest) + new TextDecoder().decode(bytes.subarray(known))).split(/\r?\n/);
  const rest = (parts.pop() ?? '').slice(-LINE_CHARS_MAX);
  const full = parts.map((line) => line.trim()).filter((line) => line !== '');
  return { ...before, lines: last([...before.lines, ...full]), rest, offset: offset + bytes.length };
}

function last(lines: string[]): string[] {
  return lines.slice(-LINES_MAX).map((line) => line.slice(0, LINE_CHARS_MAX));
}

/** The last lines for people, what is being written among them. */
export function linesOf(said: Said): string[] {
  const rest = said.rest.trim();
  return last(rest === '' ? said.lines : [...said.lines, rest]);
}
