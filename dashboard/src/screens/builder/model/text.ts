/**
 * Edits of a YAML or JSON text that touch no more of it than they have to: comments, order, alignment and quotes of everything else stay
 * as somebody wrote them. Each edit is a path and a value. What comes out is read again and held against what was asked for; where a small
 * edit would not do, the document is written anew by the YAML library, which keeps comments and order, too.
 */
import { isCollection, isMap, isSeq, parseDocument } from 'yaml';
import type { Document, Node, ParsedNode, Scalar, YAMLMap, YAMLSeq } from 'yaml';

import { endOf, endOfPair, isJson, pairOf, type Path } from './ranges';
import { spliced, withItem, without, type Insertion, type Splice } from './splice';
import { isMapping, onOneLine } from './write';

export type { Path } from './ranges';

/** Something that cannot be done to this text from outside of it; the sentence is for people. */
export class EditRefused extends Error {
  override readonly name = 'EditRefused';
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

function valueAt(doc: Document, path: Path): unknown {
  const node = path.length === 0 ? doc.contents : doc.getIn(path, true);
  if (node === undefined || node === null) return undefined;
  return (node as Node).toJS ? (node as Node).toJS(doc) : node;
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
