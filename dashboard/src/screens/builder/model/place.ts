/** Where the compiler's findings belong: to a node, and to a range of the text. */
import type { Diagnostic } from '$lib/api/problem';

export interface Placed extends Diagnostic {
  /** The node that it is about. */
  node: string | null;
  /** What of the node: `input/url`. */
  within: string;
  /** Offsets in the text. */
  from: number;
  to: number;
}

/** Finds the places of diagnostics in the text that was checked. */
export function placed(diagnostics: readonly Diagnostic[], text: string, nodes: readonly string[]): Placed[] {
  const lines = lineStarts(text);
  const known = new Set(nodes);
  return diagnostics.map((one) => {
    const parts = (one.path ?? '').split('/').slice(1).map(unescaped);
    const node = parts[0] === 'nodes' && parts[1] !== undefined && known.has(parts[1]) ? parts[1] : null;
    const from = offsetOf(text, lines, one.line, one.column) ?? 0;
    const end = offsetOf(text, lines, one.end_line, one.end_column) ?? from;
    return {
      ...one,
      node,
      within: node ? parts.slice(2).join('/') : parts.join('/'),
      from,
      to: Math.max(from, end),
    };
  });
}

/** Lines and columns count from 1, columns in characters (code points); 0 means that there is no place. */
function offsetOf(text: string, lines: readonly number[], line?: number, column?: number): number | null {
  if (!line) return null;
  const start = lines[Math.min(line, lines.length) - 1] ?? 0;
  const end = lines[line] !== undefined ? (lines[line] as number) - 1 : text.length;
  const characters = Array.from(text.slice(start, end)).slice(0, Math.max(0, (column ?? 1) - 1));
  return Math.min(start + characters.join('').length, text.length);
}

function lineStarts(text: string): number[] {
  const starts = [0];
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return starts;
}

function unescaped(part: string): string {
  return part.replaceAll('~1', '/').replaceAll('~0', '~');
}

export function worst(diagnostics: readonly Diagnostic[]): 'error' | 'warning' | 'info' | null {
  if (diagnostics.length === 0) return null;
  if (diagnostics.some((one) => one.severity === 'error')) return 'error';
  return diagnostics.some((one) => one.severity === 'warning') ? 'warning' : 'info';
}
