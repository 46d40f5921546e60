/** JSON Schemas, as far as people have to read them: what a value looks like, in words. Untrusted: nothing here follows a reference. */
import { plural } from './format';

export type Schema = Record<string, unknown>;

export interface Field {
  name: string;
  depth: number;
  required: boolean;
  /** `text`, `whole number`, `list of text`, `one of: a, b`. */
  type: string;
  /** What narrows it down: `at least 1`, `default: 3`. */
  limits: string[];
  description: string;
}

/** Deeper than this nobody reads, and a schema that is made to be deep stops here. */
const DEPTH_MAX = 6;
const FIELDS_MAX = 400;

const WORDS: Record<string, string> = {
  string: 'text',
  integer: 'whole number',
  number: 'number',
  boolean: 'yes or no',
  object: 'object',
  array: 'list',
  null: 'nothing',
};

/** The fields of an object, those inside of others below them. */
export function fieldsOf(schema: unknown): Field[] {
  const fields: Field[] = [];
  collect(schema, 0, fields);
  return fields;
}

function collect(schema: unknown, depth: number, fields: Field[]): void {
  const inner = insideOf(schema);
  if (!inner || depth >= DEPTH_MAX) return;
  const required = new Set(Array.isArray(inner.required) ? inner.required.map(String) : []);
  const properties = isObject(inner.properties) ? inner.properties : {};
  const names = new Set([...Object.keys(properties), ...required]);
  for (const name of names) {
    if (fields.length >= FIELDS_MAX) return;
    const of = isObject(properties[name]) ? properties[name] : {};
    fields.push({
      name,
      depth,
      required: required.has(name),
      type: typeOf(of),
      limits: limitsOf(of),
      description: typeof of.description === 'string' ? of.description : '',
    });
    collect(of, depth + 1, fields);
  }
}

/** The object that a schema is about: itself, or what its list holds. */
function insideOf(schema: unknown): Schema | undefined {
  if (!isObject(schema)) return undefined;
  if (isObject(schema.properties) || Array.isArray(schema.required)) return schema;
  return isObject(schema.items) ? insideOf(schema.items) : undefined;
}

export function typeOf(schema: unknown): string {
  if (!isObject(schema)) return schema === false ? 'nothing' : 'anything';
  if ('const' in schema) return `always ${short(schema.const)}`;
  if (Array.isArray(schema.enum)) return `one of ${schema.enum.map(short).join(', ')}`;
  const either = [schema.anyOf, schema.oneOf].find(Array.isArray);
  if (either) return [...new Set(either.map(typeOf))].join(' or ');
  const types = (Array.isArray(schema.type) ? schema.type : [schema.type]).filter(
    (type): type is string => typeof type === 'string',
  );
  if (types.length === 0) return isObject(schema.properties) ? 'object' : 'anything';
  return types
    .map((type) =>
      type === 'array' && isObject(schema.items) ? `list of ${typeOf(schema.items)}` : (WORDS[type] ?? type),
    )
    .join(' or ');
}

function limitsOf(schema: Schema): string[] {
  const said: [key: string, before: string, unit?: string][] = [
    ['format', ''],
    ['minimum', 'at least '],
    ['exclusiveMinimum', 'more than '],
    ['maximum', 'at most '],
    ['exclusiveMaximum', 'less than '],
    ['minLength', 'at least ', 'character'],
    ['maxLength', 'at most ', 'character'],
    ['minItems', 'at least ', 'item'],
    ['maxItems', 'at most ', 'item'],
    ['pattern', 'pattern '],
    ['default', 'default: '],
  ];
  return said
    .filter(([key]) => schema[key] !== undefined)
    .map(([key, before, unit]) => before + (unit ? plural(Number(schema[key]), unit) : short(schema[key])));
}

function short(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value));
  return text.length > 80 ? `${text.slice(0, 79)}…` : text;
}

function isObject(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
