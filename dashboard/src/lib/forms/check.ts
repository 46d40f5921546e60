/**
 * Holds a value against a JSON Schema, for what can be said before anything is sent. The daemon has the last word: what is not
 * known here passes.
 */
import { plural } from '../format';
import { below, isObject, resolve, said, same, type Schema, type SchemaOrBool } from './schema';

/** As the daemon says them: a JSON pointer into the value, and a sentence. */
export interface Violation {
  path: string;
  message: string;
}

const FORMATS: Record<string, [RegExp, string]> = {
  'date-time': [/^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)$/i, 'a date with a time'],
  date: [/^\d{4}-\d\d-\d\d$/, 'a date, such as 2026-01-31'],
  time: [/^\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?$/i, 'a time, such as 13:45:00'],
  email: [/^[^\s@]+@[^\s@]+$/, 'an e-mail address'],
  uri: [/^[a-z][a-z0-9+.-]*:\S+$/i, 'an address with a scheme, such as https://example.com'],
  uuid: [/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i, 'a UUID'],
  ipv4: [/^(25[0-5]|2[0-4]\d|1?\d?\d)(\.(25[0-5]|2[0-4]\d|1?\d?\d)){3}$/, 'an IPv4 address'],
};
/** Values nest no deeper than this where they are looked at. */
const DEPTH_MAX = 64;

export function check(
  given: SchemaOrBool | undefined,
  value: unknown,
  root: Schema,
  path = '',
  depth = 0,
): Violation[] {
  if (given === true || given === undefined || depth > DEPTH_MAX) return [];
  if (given === false) return [{ path, message: 'Nothing may stand here' }];
  const schema = resolve(given, root);
  const inside = (part: SchemaOrBool | undefined, of: unknown, at: string) =>
    check(part, of, root, at, depth + 1);
  const fits = (part: SchemaOrBool) => inside(part, value, path).length === 0;
  const wrong = (message: string): Violation[] => [{ path, message }];

  if ('const' in schema && !same(schema.const, value)) return wrong(`Has to be ${said(schema.const)}`);
  if (schema.enum && !schema.enum.some((one) => same(one, value))) {
    return wrong(`Has to be one of ${schema.enum.map(said).join(', ')}`);
  }
  const types = typeof schema.type === 'string' ? [schema.type] : schema.type;
  if (types && types.length > 0 && !types.some((type) => isOf(type, value))) {
    return wrong(`Has to be ${types.map(typeName).join(' or ')}`);
  }

  const found: Violation[] = [];
  if (typeof value === 'string') found.push(...checkText(schema, value, path));
  if (typeof value === 'number') found.push(...checkNumber(schema, value, path));
  if (Array.isArray(value)) found.push(...checkList(schema, value, path, inside));
  if (isObject(value)) found.push(...checkObject(schema, value, path, inside));

  if (schema.anyOf && !schema.anyOf.some(fits)) found.push(...nearest(schema.anyOf, value, path, inside));
  if (schema.oneOf) {
    const fitting = schema.oneOf.filter(fits).length;
    if (fitting === 0) found.push(...nearest(schema.oneOf, value, path, inside));
    if (fitting > 1) found.push({ path, message: 'Fits more than one of the ways where one is meant' });
  }
  if (schema.not !== undefined && fits(schema.not)) found.push({ path, message: 'Is what it must not be' });
  if (schema.if !== undefined)
    found.push(...inside(fits(schema.if) ? schema.then : schema.else, value, path));
  return found;
}

type Inside = (part: SchemaOrBool | undefined, of: unknown, at: string) => Violation[];

/** Of several ways none fits: what is wrong with the one that fits best is of more use than that none does. */
function nearest(ways: SchemaOrBool[], value: unknown, path: string, inside: Inside): Violation[] {
  const tries = ways.map((way) => inside(way, value, path));
  const deep = tries.filter((found) => found.some((one) => one.path !== path));
  const best = (deep.length > 0 ? deep : tries).toSorted((a, b) => a.length - b.length)[0];
  if (best && (deep.length > 0 || ways.length === 1)) return best;
  const ruled = tries.flat().filter((one) => one.path === path);
  return ruled.length === tries.length && ruled.length <= 3
    ? [{ path, message: [...new Set(ruled.map((one) => one.message))].join(', or ') }]
    : [{ path, message: 'Fits none of the ways that there are' }];
}

function checkText(schema: Schema, value: string, path: string): Violation[] {
  const found: Violation[] = [];
  const length = [...value].length;
  if (schema.minLength !== undefined && length < schema.minLength) {
    found.push({ path, message: `At least ${characters(schema.minLength)}` });
  }
  if (schema.maxLength !== undefined && length > schema.maxLength) {
    found.push({ path, message: `At most ${characters(schema.maxLength)}; these are ${length}` });
  }
  if (schema.pattern !== undefined && !matches(schema.pattern, value)) {
    found.push({ path, message: `Has to match ${schema.pattern}` });
  }
  const format = schema.format === undefined ? undefined : FORMATS[schema.format];
  if (format && !format[0].test(value)) found.push({ path, message: `Has to be ${format[1]}` });
  return found;
}

function checkNumber(schema: Schema, value: number, path: string): Violation[] {
  const found: Violation[] = [];
  const bounds: [number | undefined, (bound: number) => boolean, string][] = [
    [schema.minimum, (bound) => value >= bound, 'At least'],
    [schema.maximum, (bound) => value <= bound, 'At most'],
    [schema.exclusiveMinimum, (bound) => value > bound, 'More than'],
    [schema.exclusiveMaximum, (bound) => value < bound, 'Less than'],
  ];
  for (const [bound, holds, message] of bounds) {
    if (bound !== undefined && !holds(bound)) found.push({ path, message: `${message} ${bound}` });
  }
  if (schema.multipleOf !== undefined && schema.multipleOf > 0) {
    const times = value / schema.multipleOf;
    if (Math.abs(times - Math.round(times)) > 1e-9) {
      found.push({ path, message: `Has to be a multiple of ${schema.multipleOf}` });
    }
  }
  return found;
}

function checkList(schema: Schema, value: unknown[], path: string, inside: Inside): Violation[] {
  const found: Violation[] = [];
  if (schema.minItems !== undefined && value.length < schema.minItems) {
    found.push({ path, message: `At least ${items(schema.minItems)}` });
  }
  if (schema.maxItems !== undefined && value.length > schema.maxItems) {
    found.push({ path, message: `At most ${items(schema.maxItems)}` });
  }
  if (schema.uniqueItems) {
    const twice = value.findIndex((item, at) => value.slice(0, at).some((earlier) => same(earlier, item)));
    if (twice >= 0) found.push({ path: below(path, twice), message: 'Stands in the list already' });
  }
  const first = schema.prefixItems ?? (Array.isArray(schema.items) ? schema.items : []);
  const rest = Array.isArray(schema.items) ? undefined : schema.items;
  value.forEach((item, at) =>
    found.push(...inside(at < first.length ? first[at] : rest, item, below(path, at))),
  );
  return found;
}

function checkObject(
  schema: Schema,
  value: Record<string, unknown>,
  path: string,
  inside: Inside,
): Violation[] {
  const found: Violation[] = [];
  const known = schema.properties ?? {};
  const has = (name: string) => Object.hasOwn(value, name) && value[name] !== undefined;
  const needed = new Set(schema.required ?? []);
  for (const [name, others] of Object.entries(schema.dependentRequired ?? {})) {
    if (has(name)) others.forEach((other) => needed.add(other));
  }
  for (const name of needed) {
    if (!has(name)) found.push({ path: below(path, name), message: 'Is needed' });
  }
  const names = Object.keys(value).filter(has);
  if (schema.minProperties !== undefined && names.length < schema.minProperties) {
    found.push({ path, message: `At least ${plural(schema.minProperties, 'field')}` });
  }
  if (schema.maxProperties !== undefined && names.length > schema.maxProperties) {
    found.push({ path, message: `At most ${plural(schema.maxProperties, 'field')}` });
  }
  for (const name of names) {
    const at = below(path, name);
    const patterned = Object.entries(schema.patternProperties ?? {}).filter(([one]) => matches(one, name));
    if (Object.hasOwn(known, name)) found.push(...inside(known[name], value[name], at));
    patterned.forEach(([, part]) => found.push(...inside(part, value[name], at)));
    if (Object.hasOwn(known, name) || patterned.length > 0) continue;
    if (schema.additionalProperties === false) found.push({ path: at, message: 'There is no such field' });
    else found.push(...inside(schema.additionalProperties, value[name], at));
  }
  return found;
}

function isOf(type: string, value: unknown): boolean {
  switch (type) {
    case 'string':
      return typeof value === 'string';
    case 'number':
      return typeof value === 'number' && Number.isFinite(value);
    case 'integer':
      return Number.isInteger(value);
    case 'boolean':
      return typeof value === 'boolean';
    case 'null':
      return value === null;
    case 'array':
      return Array.isArray(value);
    case 'object':
      return isObject(value);
    default:
      return true;
  }
}

function typeName(type: string): string {
  const names: Record<string, string> = {
    string: 'a text',
    number: 'a number',
    integer: 'a whole number',
    boolean: 'yes or no',
    null: 'null',
    array: 'a list',
    object: 'an object',
  };
  return names[type] ?? type;
}

function matches(pattern: string, text: string): boolean {
  try {
    return new RegExp(pattern, 'u').test(text);
  } catch {
    // Another dialect of patterns: the daemon knows it.
    return true;
  }
}

const characters = (n: number) => plural(n, 'character');
const items = (n: number) => plural(n, 'item');
