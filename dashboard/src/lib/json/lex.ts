/**
 * JSON as text: values are places in the text, and nothing is read before it is looked at. So numbers stay as they were written
 * (`1.0`, or an id that no double can hold), members in their order, and a payload of megabytes is opened at once.
 */

export type JsonKind = 'object' | 'array' | 'string' | 'number' | 'boolean' | 'null';

/** A value: `text.slice(start, end)`. */
export interface JsonNode {
  kind: JsonKind;
  start: number;
  end: number;
}

export interface Member {
  /** Of an object; an item of an array has `index`. */
  key: string | null;
  index: number;
  value: JsonNode;
}

/** The value that a text holds; `null` when it is no JSON. Only its outer form is looked at. */
export function rootOf(text: string): JsonNode | null {
  const start = space(text, 0);
  const node = valueAt(text, start);
  return node && space(text, node.end) === text.length ? node : null;
}

/** What stands in an object or array. */
export function membersOf(text: string, node: JsonNode): Member[] {
  const members: Member[] = [];
  eachMember(text, node, (member) => void members.push(member));
  return members;
}

/** Goes through what stands in an object or array, until `visit` has found what it looks for. */
function eachMember(text: string, node: JsonNode, visit: (member: Member) => true | void): void {
  if (node.kind !== 'object' && node.kind !== 'array') return;
  let at = space(text, node.start + 1);
  for (let index = 0; at < node.end - 1; index += 1) {
    let key: string | null = null;
    if (node.kind === 'object') {
      const end = stringEnd(text, at);
      key = decode(text.slice(at, end));
      at = space(text, space(text, end) + 1);
    }
    const value = valueAt(text, at);
    if (!value) break;
    if (visit({ key, index, value })) return;
    at = space(text, value.end);
    if (text.charCodeAt(at) !== COMMA) break;
    at = space(text, at + 1);
  }
}

/** The text of one member of an object, exactly as it stands; `undefined` when there is none. What comes after it is not read. */
export function rawMember(text: string, name: string): string | undefined {
  const start = space(text, 0);
  if (text.charCodeAt(start) !== OPEN_OBJECT) return undefined;
  let found: string | undefined;
  eachMember(text, { kind: 'object', start, end: text.length }, ({ key, value }) => {
    if (key !== name) return;
    found = text.slice(value.start, value.end);
    return true;
  });
  return found;
}

/** A member more in an object, whose text stays as it is: numbers that no double holds are not changed. */
export function withMember(object: string, name: string, value: string): string {
  const inside = object.slice(0, -1);
  return `${inside}${inside === '{' ? '' : ','}${JSON.stringify(name)}:${value}}`;
}

/** How many members a container has. */
export function sizeOf(text: string, node: JsonNode): number {
  return membersOf(text, node).length;
}

/** The same values with a line for each; no word of it is otherwise. */
export function pretty(text: string): string {
  const out: string[] = [];
  let depth = 0;
  let from = 0;
  const put = (end: number) => {
    if (end > from) out.push(text.slice(from, end));
  };
  for (let at = 0; at < text.length;) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      at = stringEnd(text, at);
      continue;
    }
    if (isSpace(code)) {
      put(at);
      at += 1;
      from = at;
      continue;
    }
    if (code === OPEN_OBJECT || code === OPEN_ARRAY) {
      put(at + 1);
      const next = space(text, at + 1);
      const closing = text.charCodeAt(next);
      if (closing === CLOSE_OBJECT || closing === CLOSE_ARRAY) {
        out.push(text.charAt(next));
        at = next + 1;
      } else {
        depth += 1;
        out.push(`\n${'  '.repeat(depth)}`);
        at += 1;
      }
      from = at;
      continue;
    }
    if (code === CLOSE_OBJECT || code === CLOSE_ARRAY) {
      put(at);
      depth -= 1;
      out.push(`\n${'  '.repeat(Math.max(0, depth))}`);
      from = at;
      at += 1;
      continue;
    }
    if (code === COMMA) {
      put(at + 1);
      out.push(`\n${'  '.repeat(depth)}`);
      at += 1;
      from = at;
      continue;
    }
    if (code === COLON) {
      put(at + 1);
      out.push(' ');
      at += 1;
      from = at;
      continue;
    }
    at += 1;
  }
  put(text.length);
  return out.join('');
}

/** The string that a literal stands for; the literal itself when it is none. */
export function decode(literal: string): string {
  try {
    return JSON.parse(literal) as string;
  } catch {
    return literal;
  }
}

const [QUOTE, BACKSLASH, COMMA, COLON] = [34, 92, 44, 58];
const [OPEN_OBJECT, CLOSE_OBJECT, OPEN_ARRAY, CLOSE_ARRAY] = [123, 125, 91, 93];

function isSpace(code: number): boolean {
  return code === 32 || code === 10 || code === 13 || code === 9;
}

function space(text: string, at: number): number {
  while (at < text.length && isSpace(text.charCodeAt(at))) at += 1;
  return at;
}

function valueAt(text: string, start: number): JsonNode | null {
  const code = text.charCodeAt(start);
  switch (code) {
    case OPEN_OBJECT:
    case OPEN_ARRAY: {
      const end = containerEnd(text, start);
      return end < 0 ? null : { kind: code === OPEN_OBJECT ? 'object' : 'array', start, end };
    }
    case QUOTE:
      return { kind: 'string', start, end: stringEnd(text, start) };
  }
  let end = start;
  while (end < text.length && !isEnd(text.charCodeAt(end))) end += 1;
  if (end === start) return null;
  const first = text.charAt(start);
  const kind: JsonKind = first === 't' || first === 'f' ? 'boolean' : first === 'n' ? 'null' : 'number';
  if (kind === 'number' && !/[-0-9]/.test(first)) return null;
  return { kind, start, end };
}

function isEnd(code: number): boolean {
  return code === COMMA || code === CLOSE_OBJECT || code === CLOSE_ARRAY || isSpace(code);
}

function stringEnd(text: string, start: number): number {
  let at = start + 1;
  for (; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === BACKSLASH) at += 1;
    else if (code === QUOTE) return at + 1;
  }
  return text.length;
}

function containerEnd(text: string, start: number): number {
  let depth = 0;
  for (let at = start; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = stringEnd(text, at) - 1;
    else if (code === OPEN_OBJECT || code === OPEN_ARRAY) depth += 1;
    else if (code === CLOSE_OBJECT || code === CLOSE_ARRAY) {
      depth -= 1;
      if (depth === 0) return at + 1;
    }
  }
  return -1;
}
