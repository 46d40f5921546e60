/**
 * Edits of a YAML or JSON text that touch no more of it than they have to: comments, order, alignment and quotes of everything else stay
 * as somebody wrote them. Each edit is a path and a value. What comes out is read again and held against what was asked for; where a small
 * edit would not do, the document is written anew by the YAML library, which keeps comments and order, too.
 */
import { Document, isAlias, isCollection, isMap, isScalar, isSeq, parseDocument } from 'yaml';
import type { Node, Pair, ParsedNode, Scalar, YAMLMap, YAMLSeq } from 'yaml';

import { isMapping, isShort, onOneLine, overLines } from './write';

export type Path = readonly (string | number)[];

/** Something that cannot be done to this text from outside of it; the sentence is for people. */
export class EditRefused extends Error {
  override readonly name = 'EditRefused';
}

export interface Insertion {
  /** The new key comes behind the last of these that is there, instead of at the end. */
  behind?: readonly string[];
  /** Puts a list's item before this place. */
  at?: number;
}

type Doc = Document.Parsed<ParsedNode, true>;

export function read(text: string): Doc {
  return parseDocument(text, { prettyErrors: true, uniqueKeys: true }) as Doc;
}

/** Makes the value at `path` this one; what is between here and there is made when it is not there. */
export function set(text: string, path: Path, value: unknown, how: Insertion = {}): string {
  const doc = sound(text);
  const old = valueAt(doc, path);
  if (equal(old, value) && doc.hasIn(path)) return text;
  // Only what differs within a mapping or a list is touched.
  if (isMapping(old) && isMapping(value) && Object.keys(old).length > 0 && Object.keys(value).length > 0) {
    let changed = text;
    for (const key of Object.keys(old)) if (!(key in value)) changed = remove(changed, [...path, key]);
    for (const [key, one] of Object.entries(value)) changed = set(changed, [...path, key], one);
    return changed;
  }
  if (Array.isArray(old) && Array.isArray(value) && old.length > 0 && old.length === value.length) {
    return value.reduce<string>((changed, one, at) => set(changed, [...path, at], one), text);
  }
  return applied(text, doc, [{ path, value }], how);
}

export interface Edit {
  path: Path;
  /** Left out: what stands there is taken away. */
  value?: unknown;
}

/**
 * Does several edits at once, of which none is within another and none moves the items of a list: the text is read once, however many
 * there are.
 */
export function editAll(text: string, edits: readonly Edit[]): string {
  const doc = sound(text);
  const needed = edits.filter(({ path, value }) => doc.hasIn(path) || value !== undefined);
  return needed.length === 0 ? text : applied(text, doc, needed);
}

/** Puts a value into the list at `path`, which is made when it is not there. */
export function insert(text: string, path: Path, value: unknown, how: Insertion = {}): string {
  const doc = sound(text);
  const list = valueAt(doc, path);
  if (list === undefined || list === null) return set(text, path, [value], how);
  if (!Array.isArray(list)) throw new EditRefused(`${path.join('.')} is not a list`);
  const at = how.at ?? list.length;
  const longer = [...list.slice(0, at), value, ...list.slice(at)];
  const wanted = changedCopy(doc, [{ path, value: longer }]);
  const node = doc.getIn(path, true);
  const small = isSeq(node) ? withItem(text, node as YAMLSeq.Parsed, at, value, isJson(doc)) : null;
  return checked(text, small && [small], wanted, () => doc.setIn(path, longer), doc);
}

/** Takes away what stands at `path`. With `prune` a mapping or list that is empty by that goes, too. */
export function remove(text: string, path: Path, prune = false): string {
  const doc = sound(text);
  if (!doc.hasIn(path)) return text;
  const parentPath = path.slice(0, -1);
  const parent = parentPath.length === 0 ? doc.contents : doc.getIn(parentPath, true);
  if (prune && parentPath.length > 0 && isCollection(parent) && parent.items.length === 1) {
    return remove(text, parentPath, true);
  }
  return applied(text, doc, [{ path }]);
}

/** Gives a key another name; it keeps its place. */
export function renameKey(text: string, path: Path, name: string): string {
  const doc = sound(text);
  const parent = path.length === 1 ? doc.contents : doc.getIn(path.slice(0, -1), true);
  const pair = isMap(parent) ? pairOf(parent as YAMLMap, String(path.at(-1))) : undefined;
  const range = (pair?.key as Scalar | undefined)?.range;
  if (!range) throw new EditRefused(`there is no ${path.join('.')}`);
  const word = isJson(doc) ? JSON.stringify(name) : onOneLine(name);
  const changed = text.slice(0, range[0]) + word + text.slice(range[1]);
  if (read(changed).errors.length > 0) throw new EditRefused(`${name} cannot be a key here`);
  return changed;
}

/** Where a value stands in the text, its key included: from, to. */
export function rangeOf(doc: Document, path: Path): [number, number] | null {
  const parent = path.length === 1 ? doc.contents : doc.getIn(path.slice(0, -1), true);
  if (isMap(parent)) {
    const pair = pairOf(parent as YAMLMap, String(path.at(-1)));
    const from = (pair?.key as Scalar | undefined)?.range?.[0];
    return pair && from !== undefined ? [from, endOfPair(pair)] : null;
  }
  const node = doc.getIn(path, true) as Node | undefined;
  return node?.range ? [node.range[0], endOf(node)] : null;
}

export function equal(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((one, at) => equal(one, b[at]));
  }
  if (!isMapping(a) || !isMapping(b)) return false;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => key in b && equal(a[key], b[key]));
}

function sound(text: string): Doc {
  const doc = read(text);
  if (doc.errors.length > 0) throw new EditRefused('The text cannot be read. Mend it first.');
  return doc;
}

function isJson(doc: Document): boolean {
  const root = doc.contents;
  if (!isMap(root) || !root.flow) return false;
  const first = root.items[0]?.key as Scalar | undefined;
  return first?.type === 'QUOTE_DOUBLE';
}

function valueAt(doc: Document, path: Path): unknown {
  const node = path.length === 0 ? doc.contents : doc.getIn(path, true);
  if (node === undefined || node === null) return undefined;
  return (node as Node).toJS ? (node as Node).toJS(doc) : node;
}

/** What of the text becomes something else. */
interface Splice {
  from: number;
  to: number;
  put: string;
}

function applied(text: string, doc: Doc, edits: readonly Edit[], how: Insertion = {}): string {
  const splices = edits.map(({ path, value }) =>
    value === undefined ? without(text, doc, path) : spliced(text, doc, path, value, how),
  );
  const anew = () => {
    for (const { path, value } of edits) {
      if (value === undefined) doc.deleteIn(path);
      else doc.setIn(path, value);
    }
  };
  const all = splices.every((one) => one !== null) ? (splices as Splice[]) : null;
  return checked(text, all, changedCopy(doc, edits), anew, doc);
}

/** The whole document as data, with these changes. */
function changedCopy(doc: Document, edits: readonly Edit[]): unknown {
  const root = (doc.toJS() ?? {}) as Record<string | number, unknown>;
  for (const { path, value } of edits) {
    let here = root;
    path.slice(0, -1).forEach((key, at) => {
      const next = here[key];
      if (typeof next !== 'object' || next === null) here[key] = typeof path[at + 1] === 'number' ? [] : {};
      here = here[key] as Record<string | number, unknown>;
    });
    const last = path.at(-1) as string | number;
    if (value !== undefined) here[last] = value;
    else if (Array.isArray(here)) here.splice(last as number, 1);
    else delete here[last];
  }
  return root;
}

/** From the end to the beginning, so that none moves another; nothing when two of them touch. */
function joined(text: string, splices: readonly Splice[]): string | null {
  const sorted = [...splices].sort((a, b) => b.from - a.from);
  let changed = text;
  let before = Infinity;
  for (const { from, to, put } of sorted) {
    if (to > before) return null;
    changed = changed.slice(0, from) + put + changed.slice(to);
    before = from;
  }
  return changed;
}

function checked(
  text: string,
  splices: Splice[] | null,
  wanted: unknown,
  anew: () => void,
  doc: Document,
): string {
  const changed = splices && joined(text, splices);
  if (changed !== null) {
    const after = read(changed);
    if (after.errors.length === 0 && equal(after.toJS(), wanted)) return changed;
  }
  try {
    anew();
  } catch {
    throw new EditRefused('This part is written in a way that can only be changed in the text.');
  }
  const written = doc.toString({ lineWidth: 0 });
  if (!equal(read(written).toJS(), wanted)) {
    throw new EditRefused('This part is written in a way that can only be changed in the text.');
  }
  return text.endsWith('\n') || !written.endsWith('\n') ? written : written.slice(0, -1);
}

function spliced(text: string, doc: Document, path: Path, value: unknown, how: Insertion): Splice | null {
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

function longestThere(doc: Document, path: Path): Path {
  let length = path.length;
  while (length > 0 && !doc.hasIn(path.slice(0, length))) length -= 1;
  return path.slice(0, length);
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

function withItem(
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

function without(text: string, doc: Document, path: Path): Splice | null {
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

function inFlow(doc: Document, path: Path): boolean {
  for (let length = 0; length < path.length; length += 1) {
    const node = length === 0 ? doc.contents : doc.getIn(path.slice(0, length), true);
    if (isCollection(node) && node.flow) return true;
  }
  return false;
}

function pairOf(map: YAMLMap, key: string): Pair | undefined {
  return (map.items as Pair[]).find((pair) => String((pair.key as Scalar)?.value) === key);
}

function pairStart(pair: Pair): number {
  return (pair.key as Scalar).range?.[0] ?? 0;
}

function endOfPair(pair: Pair): number {
  const key = (pair.key as Scalar).range?.[1] ?? 0;
  const value = pair.value as Node | null;
  return value?.range ? Math.max(endOf(value), key) : key;
}

/** Where a value ends, without the comment and the line break behind it. */
function endOf(node: Node): number {
  if (isCollection(node) && !node.flow) {
    const last = node.items.at(-1);
    if (last) return isMap(node) ? endOfPair(last as Pair) : endOf(last as Node);
  }
  return node.range?.[1] ?? 0;
}

function columnOf(text: string, at: number): number {
  return at - (text.lastIndexOf('\n', at - 1) + 1);
}

function splice(from: number, to: number, put: string): Splice {
  return { from, to, put };
}
