/** Where the parts of a YAML or JSON text stand, as offsets in it. */
import { isCollection, isMap, type Document, type Node, type Pair, type Scalar, type YAMLMap } from 'yaml';

/** Keys and places from the top of a document down to a value. */
export type Path = readonly (string | number)[];

export function isJson(doc: Document): boolean {
  const root = doc.contents;
  if (!isMap(root) || !root.flow) return false;
  const first = root.items[0]?.key as Scalar | undefined;
  return first?.type === 'QUOTE_DOUBLE';
}

export function longestThere(doc: Document, path: Path): Path {
  let length = path.length;
  while (length > 0 && !doc.hasIn(path.slice(0, length))) length -= 1;
  return path.slice(0, length);
}

export function inFlow(doc: Document, path: Path): boolean {
  for (let length = 0; length < path.length; length += 1) {
    const node = length === 0 ? doc.contents : doc.getIn(path.slice(0, length), true);
    if (isCollection(node) && node.flow) return true;
  }
  return false;
}

export function pairOf(map: YAMLMap, key: string): Pair | undefined {
  return (map.items as Pair[]).find((pair) => String((pair.key as Scalar)?.value) === key);
}

export function pairStart(pair: Pair): number {
  return (pair.key as Scalar).range?.[0] ?? 0;
}

export function endOfPair(pair: Pair): number {
  const key = (pair.key as Scalar).range?.[1] ?? 0;
  const value = pair.value as Node | null;
  return value?.range ? Math.max(endOf(value), key) : key;
}

/** Where a value ends, without the comment and the line break behind it. */
export function endOf(node: Node): number {
  if (isCollection(node) && !node.flow) {
    const last = node.items.at(-1);
    if (last) return isMap(node) ? endOfPair(last as Pair) : endOf(last as Node);
  }
  return node.range?.[1] ?? 0;
}

export function columnOf(text: string, at: number): number {
  return at - (text.lastIndexOf('\n', at - 1) + 1);
}
