/** Ids of nodes: what may be one, new ones, and how those that point to a node are found in values, conditions and texts. */
import type { Path } from './text';
import { isMapping } from './write';

const RESERVED = new Set(
  (
    'input context run item index last iteration true false null in as break const continue else for function if import let loop ' +
    'package namespace return var void while'
  ).split(' '),
);

/** Why this cannot be the id of a node; nothing when it can. */
export function wrongWithId(id: string, others: Iterable<string> = []): string | null {
  if (!/^[a-z][a-z0-9_]{0,62}$/.test(id))
    return 'A small letter first, then small letters, digits and _; at most 63.';
  if (RESERVED.has(id)) return `${id} means something else in expressions.`;
  return [...others].includes(id) ? `There is a ${id} already.` : null;
}

/** An id that is still free: `probe`, `probe_2`, … */
export function freeId(wish: string, taken: ReadonlySet<string>): string {
  const plain = wish
    .toLowerCase()
    .replace(/[^a-z0-9_]+/g, '_')
    .replace(/^[^a-z]+|_+$/g, '')
    .slice(0, 56);
  const base =
    plain === '' || RESERVED.has(plain) ? `${plain || 'step'}_step`.replace(/^step_step$/, 'step') : plain;
  if (!taken.has(base)) return base;
  const stem = base.replace(/_\d+$/, '');
  for (let n = 2; ; n += 1) if (!taken.has(`${stem}_${n}`)) return `${stem}_${n}`;
}

/** Keys whose texts are expressions, and those whose texts are templates. Everything else is data with bindings in it. */
const EXPRESSIONS = new Set(['when', 'until', 'expression', 'that', 'assertions']);
const TEMPLATES = new Set(['action', 'impact']);

/**
 * Gives nodes other ids within a value of the document: in bindings, conditions, templates and in what names nodes by id. Answers
 * what has changed, each with its place below `value`.
 */
export function renamedWithin(
  value: unknown,
  names: ReadonlyMap<string, string>,
  path: Path = [],
): { path: Path; value: string }[] {
  if (typeof value === 'string') {
    const changed = renamedText(value, names, path);
    return changed === value ? [] : [{ path, value: changed }];
  }
  if (Array.isArray(value)) return value.flatMap((one, at) => renamedWithin(one, names, [...path, at]));
  if (!isMapping(value)) return [];
  return Object.entries(value).flatMap(([key, one]) => renamedWithin(one, names, [...path, key]));
}

function renamedText(value: string, names: ReadonlyMap<string, string>, path: Path): string {
  const key = path.findLast((part) => typeof part === 'string');
  const word = String(key ?? '');
  if (isIdPlace(path)) return names.get(value) ?? value;
  // The time of a `wait` may be a binding, its condition never is one.
  if (value.startsWith('$') && !value.startsWith('$$')) return renamedBinding(value, names);
  if (EXPRESSIONS.has(word)) return renamedExpression(value, names);
  if (TEMPLATES.has(word))
    return value.replace(/\{\{.*?\}\}|\{%.*?%\}/gs, (part) => renamedExpression(part, names));
  return value;
}

function renamedBinding(value: string, names: ReadonlyMap<string, string>): string {
  const error = /^\$run\.errors\.([a-z][a-z0-9_]*)(?![\w])/.exec(value);
  if (error?.[1]) {
    const name = names.get(error[1]);
    return name ? `$run.errors.${name}${value.slice(error[0].length)}` : value;
  }
  const node = /^\$([a-z][a-z0-9_]*)(?=$|[.[])/.exec(value);
  const name = node?.[1] ? names.get(node[1]) : undefined;
  return node && name ? `$${name}${value.slice(node[0].length)}` : value;
}

/** Words of an expression, but not the texts and the fields in it. */
export function renamedExpression(value: string, names: ReadonlyMap<string, string>): string {
  const parts =
    /'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|\brun\.errors\.([a-z][a-z0-9_]*)|(?<![\w.$])([a-z][a-z0-9_]*)(?!\w)/g;
  return value.replace(parts, (part, error?: string, word?: string) => {
    if (error) return names.has(error) ? `run.errors.${names.get(error)}` : part;
    return word ? (names.get(word) ?? part) : part;
  });
}

/** Whether what stands there is the id of a node. */
function isIdPlace(path: Path): boolean {
  const words = path.map((part) => (typeof part === 'number' ? '#' : part)).join('/');
  return (
    /(^|\/)needs\/#(\/node)?$/.test(words) ||
    /(^|\/)branches\/[^/]+\/#$/.test(words) ||
    /(^|\/)cases\/#\/to\/#$/.test(words) ||
    /(^|\/)on_error\/goto$/.test(words) ||
    /^edges\/#\/(from|to)$/.test(words) ||
    /^chain\/#(\/#)?$/.test(words)
  );
}
