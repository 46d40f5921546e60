/**
 * How an edit of a value becomes an edit of the text: the smallest that does it, written as what stands around it is. Where there is no
 * small one the answer is null.
 */
import { isAlias, isCollection, isMap, isScalar, isSeq } from 'yaml';
import type { Document, Node, Pair, Scalar, YAMLMap, YAMLSeq } from 'yaml';

import {
  columnOf,
  endOf,
  endOfPair,
  inFlow,
  isJson,
  longestThere,
  pairOf,
  pairStart,
  type Path,
} from './ranges';
import { isShort, onOneLine, overLines } from './write';

export interface Insertion {
  /** The new key comes behind the last of these that is there, instead of at the end. */
  behind?: readonly string[];
  /** Puts a list's item before this place. */
  at?: number;
}

/** What of the text becomes something else. */
export interface Splice {
  from: number;
  to: number;
  put: string;
}

/** Puts a value at a path. */
export function spliced(
  text: string,
  doc: Document,
  path: Path,
  value: unknown,
  how: Insertion,
): Splice | null {
  const json = isJson(doc);
  const there = longestThere(doc, path);
  if (there.length === path.length) return replaced(text, doc, path, value, json);
  // Everything between is made with it, as one value.
  const made = path.slice(there.length + 1).reduceRight<unknown>((inner, key) => {
    return typeof key === 'number' ? [inner] : { [key]: inner };
  }, value);
  const key = path[there.length] as string | number;
  const parent = there.length === 0 ? doc.contents : doc.getIn(there, true);
  if (isScalar(parent) || parent === null || parent === undefined) {
    const whole = typeof key === 'number' ? [made] : { [key]: made };
    if (there.length > 0) return replaced(text, doc, there, whole, json);
    const line = text === '' || text.endsWith('\n') ? '' : '\n';
    return splice(text.length, text.length, `${line}${overLines(whole, 0)}\n`);
  }
  if (isSeq(parent)) return withItem(text, parent as YAMLSeq.Parsed, parent.items.length, made, json);
  if (!isMap(parent) || typeof key === 'number') return null;
  return withPair(text, parent as YAMLMap.Parsed, key, made, json, how.behind);
}

function replaced(text: string, doc: Document, path: Path, value: unknown, json: boolean): Splice | null {
  const node = doc.getIn(path, true) as Node | undefined;
  const parent = path.length === 1 ? doc.contents : (doc.getIn(path.slice(0, -1), true) as Node);
  if (!node?.range || isAlias(node)) return null;
  const start = node.range[0];
  let end = Math.max(endOf(node), start);
  // A block scalar ends with its line break, which stays.
  while (end > start && text[end - 1] === '\n') end -= 1;
  if (inFlow(doc, path)) return splice(start, end, onOneLine(value, json));
  const pair = isMap(parent) ? pairOf(parent as YAMLMap, String(path.at(-1))) : undefined;
  const keyRange = (pair?.key as Scalar | undefined)?.range;
  const indent = keyRange ? columnOf(text, keyRange[0]) : columnOf(text, start);
  const isBlock = isCollection(node) && !node.flow;
  if (isShort(value, indent + String(path.at(-1)).length + 2) && !isBlock) {
    const room = text[start - 1] === ':' ? ' ' : '';
    return splice(start, end, room + onOneLine(value));
  }
  if (typeof value === 'string') {
    return splice(start, end, `${text[start - 1] === ':' ? ' ' : ''}${overLines(value, indent + 2)}`);
  }
  if (!keyRange) return splice(start, end, overLines(value, indent));
  if (isBlock) return splice(start, end, overLines(value, columnOf(text, start)));
  const colon = text.indexOf(':', keyRange[1]);
  const pad = ' '.repeat(indent + 2);
  return splice(colon + 1, end, `\n${pad}${overLines(value, indent + 2)}`);
}

function withPair(
  text: string,
  map: YAMLMap.Parsed,
  key: string,
  value: unknown,
  json: boolean,
  behind: readonly string[] = [],
): Splice | null {
  const pairs = map.items as unknown as Pair[];
  const found = pairs.findLastIndex((pair) => behind.includes(String((pair.key as Scalar)?.value)));
  const previous = pairs[found === -1 ? pairs.length - 1 : found];
  if (map.flow) {
    const word = json ? JSON.stringify(key) : onOneLine(key);
    const line = `${word}: ${onOneLine(value, json)}`;
    if (!previous) return splice(map.range[0], map.range[1], json ? `{${line}}` : `{ ${line} }`);
    return addedInFlow(text, endOfPair(previous), pairStart(previous), line);
  }
  const first = pairs[0];
  if (!previous || !first) return null;
  const indent = columnOf(text, pairStart(first));
  const short = isShort(value, indent + key.length + 2);
  const body = short
    ? ` ${onOneLine(value)}`
    : typeof value === 'string'
      ? ` ${overLines(value, indent + 2)}`
      : `\n${' '.repeat(indent + 2)}${overLines(value, indent + 2)}`;
  return addedLine(text, endOfPair(previous), `${' '.repeat(indent)}${onOneLine(key)}:${body}`);
}

/** Puts an item into a list, before the one at `at`. */
export function withItem(
  text: string,
  list: YAMLSeq.Parsed,
  at: number,
  value: unknown,
  json: boolean,
): Splice | null {
  const items = list.items as Node[];
  if (list.flow) {
    const line = onOneLine(value, json);
    const next = items[at];
    if (next?.range) return splice(next.range[0], next.range[0], `${line}, `);
    const last = items.at(-1);
    if (!last?.range) return splice(list.range[0], list.range[1], `[${line}]`);
    return addedInFlow(text, endOf(last), last.range[0], line);
  }
  const last = items.at(-1);
  if (!last?.range || at !== items.length) return null;
  const dash = text.lastIndexOf('-', last.range[0] - 1);
  const indent = columnOf(text, dash);
  const body = isShort(value, indent) ? onOneLine(value) : overLines(value, indent + 2);
  return addedLine(text, endOf(last), `${' '.repeat(indent)}- ${body}`);
}

/** Behind what ends at `end`; on a line of its own where the line would be very long and the braces go over lines already. */
function addedInFlow(text: string, end: number, start: number, added: string): Splice {
  const from = text.lastIndexOf('\n', start - 1) + 1;
  const column = end - (text.lastIndexOf('\n', end - 1) + 1);
  const before = text.slice(from, start);
  if (before.trim() === '' && column + added.length > 130) {
    return splice(end, end, `,\n${before}${added}`);
  }
  return splice(end, end, `, ${added}`);
}

function addedLine(text: string, end: number, line: string): Splice {
  const stop = text.indexOf('\n', end);
  // A block scalar ends with its line break.
  if (text[end - 1] === '\n') return splice(end, end, `${line}\n`);
  return stop === -1 ? splice(text.length, text.length, `\n${line}\n`) : splice(stop, stop, `\n${line}`);
}

/** Takes away what stands at a path. */
export function without(text: string, doc: Document, path: Path): Splice | null {
  const parent = (path.length === 1 ? doc.contents : doc.getIn(path.slice(0, -1), true)) as YAMLMap | YAMLSeq;
  if (!isCollection(parent)) return null;
  const spans = (parent.items as (Pair | Node)[]).map((item): [number, number] =>
    isMap(parent)
      ? [pairStart(item as Pair), endOfPair(item as Pair)]
      : [(item as Node).range?.[0] ?? 0, endOf(item as Node)],
  );
  const key = path.at(-1);
  const at = isMap(parent)
    ? (parent.items as Pair[]).findIndex((pair) => String((pair.key as Scalar)?.value) === String(key))
    : Number(key);
  const span = spans[at];
  if (!span || !parent.range) return null;
  if (spans.length === 1) {
    const empty = isMap(parent) ? '{}' : '[]';
    if (parent.flow) return splice(parent.range[0], parent.range[1], empty);
    return path.length === 1
      ? null
      : replaced(text, doc, path.slice(0, -1), isMap(parent) ? {} : [], isJson(doc));
  }
  const [previous, next] = [spans[at - 1], spans[at + 1]];
  if (parent.flow) {
    return next ? splice(span[0], next[0], '') : splice(previous?.[1] ?? span[0], span[1], '');
  }
  const begin = isMap(parent) ? span[0] : text.lastIndexOf('-', span[0] - 1);
  const line = text.lastIndexOf('\n', begin - 1) + 1;
  // The first key of a mapping in a list stands behind the dash.
  if (text.slice(line, begin).trim() !== '') return next ? splice(begin, next[0], '') : null;
  return splice(withComments(text, line, begin - line), endOfLine(text, span[1]), '');
}

/** Where the comment begins that stands right above a line, at the same indentation; the line itself when there is none. */
function withComments(text: string, line: number, indent: number): number {
  let start = line;
  while (start > 0) {
    const above = text.lastIndexOf('\n', start - 2) + 1;
    const words = text.slice(above, start);
    if (words.length - words.trimStart().length !== indent || !words.trimStart().startsWith('#')) break;
    start = above;
  }
  return start;
}

function endOfLine(text: string, end: number): number {
  if (text[end - 1] === '\n') return end;
  const stop = text.indexOf('\n', end);
  return stop === -1 ? text.length : stop + 1;
}

function splice(from: number, to: number, put: string): Splice {
  return { from, to, put };
}
