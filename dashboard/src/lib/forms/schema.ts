/**
 * What a form needs to know of a JSON Schema: what a value may be, what it is called, and what it is at the beginning. References
 * are followed inside of the document only; what no field can show is `json`, a text in which anything can be written.
 */

export interface Schema {
  type?: string | string[];
  title?: string;
  description?: string;
  default?: unknown;
  examples?: unknown[];
  enum?: unknown[];
  const?: unknown;
  properties?: Record<string, SchemaOrBool>;
  required?: string[];
  additionalProperties?: SchemaOrBool;
  patternProperties?: Record<string, SchemaOrBool>;
  propertyNames?: SchemaOrBool;
  minProperties?: number;
  maxProperties?: number;
  dependentRequired?: Record<string, string[]>;
  items?: SchemaOrBool | SchemaOrBool[];
  prefixItems?: SchemaOrBool[];
  minItems?: number;
  maxItems?: number;
  uniqueItems?: boolean;
  minLength?: number;
  maxLength?: number;
  pattern?: string;
  format?: string;
  contentMediaType?: string;
  writeOnly?: boolean;
  readOnly?: boolean;
  deprecated?: boolean;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  multipleOf?: number;
  oneOf?: SchemaOrBool[];
  anyOf?: SchemaOrBool[];
  allOf?: SchemaOrBool[];
  not?: SchemaOrBool;
  if?: SchemaOrBool;
  then?: SchemaOrBool;
  else?: SchemaOrBool;
  $ref?: string;
  [more: string]: unknown;
}

export type SchemaOrBool = Schema | boolean;

/** How a value is asked for. */
export type Kind =
  | 'string'
  | 'number'
  | 'integer'
  | 'boolean'
  | 'enum'
  | 'const'
  | 'null'
  | 'object'
  | 'array'
  | 'choice'
  | 'json';

/** A schema as a form shows it: references followed, `allOf` laid together, `null` taken out. */
export interface Shape {
  kind: Kind;
  schema: Schema;
  nullable: boolean;
  /** For `enum`. */
  options: Option[];
  /** For `choice`. */
  branches: Schema[];
}

export interface Option {
  value: unknown;
  label: string;
}

/** References may stand for each other in a circle; a chain that is longer is taken for one. */
const REFERENCES_MAX = 32;
/** Defaults of schemas that contain themselves end here. */
const DEPTH_MAX = 12;

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A schema from outside: whatever it is, something that the rest here can work with. */
export function asSchema(value: unknown): Schema {
  return isObject(value) ? (value as Schema) : {};
}

/** Follows references and lays `allOf` together. What a reference leads to comes before what stands beside it. */
export function resolve(given: SchemaOrBool | undefined, root: Schema): Schema {
  let schema = asSchema(given);
  for (let followed = 0; typeof schema.$ref === 'string' && followed < REFERENCES_MAX; followed += 1) {
    const { $ref, ...beside } = schema;
    schema = merge(asSchema(target($ref, root)), beside);
  }
  if (Array.isArray(schema.allOf)) {
    const { allOf, ...beside } = schema;
    schema = allOf.map((part) => resolve(part, root)).reduce(merge, beside);
  }
  return schema;
}

function target(reference: string, root: Schema): unknown {
  if (reference === '#') return root;
  if (!reference.startsWith('#/')) return {};
  return read(root, decodeURIComponent(reference.slice(1)));
}

/** Both hold: properties and requirements come together, of everything else the second wins. */
export function merge(first: Schema, second: Schema): Schema {
  const both: Schema = { ...first, ...second };
  if (first.properties && second.properties) both.properties = { ...first.properties, ...second.properties };
  if (first.required && second.required)
    both.required = [...new Set([...first.required, ...second.required])];
  return both;
}

/** What stands at a JSON pointer; `undefined` where nothing does. */
export function read(value: unknown, pointer: string): unknown {
  let at = value;
  for (const word of words(pointer)) {
    if (Array.isArray(at)) at = at[Number(word)];
    else if (isObject(at) && Object.hasOwn(at, word)) at = at[word];
    else return undefined;
  }
  return at;
}

export function words(pointer: string): string[] {
  if (pointer === '') return [];
  return pointer
    .slice(1)
    .split('/')
    .map((word) => word.replaceAll('~1', '/').replaceAll('~0', '~'));
}

export function below(pointer: string, word: string | number): string {
  return `${pointer}/${String(word).replaceAll('~', '~0').replaceAll('/', '~1')}`;
}

/** Whether two JSON values are the same. */
export function same(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((item, at) => same(item, b[at]));
  }
  if (isObject(a) && isObject(b)) {
    const keys = Object.keys(a);
    return keys.length === Object.keys(b).length && keys.every((key) => key in b && same(a[key], b[key]));
  }
  return false;
}

function typesOf(schema: Schema): string[] {
  if (typeof schema.type === 'string') return [schema.type];
  return Array.isArray(schema.type) ? schema.type : [];
}

/** How a form asks for what fits this schema. */
export function shapeOf(given: SchemaOrBool | undefined, root: Schema): Shape {
  let schema = resolve(given, root);
  let nullable = false;
  const types = typesOf(schema);
  if (types.length > 1 && types.includes('null')) {
    nullable = true;
    const left = types.filter((type) => type !== 'null');
    schema = { ...schema, type: left.length === 1 ? (left[0] as string) : left };
    if (schema.enum) schema.enum = schema.enum.filter((value) => value !== null);
  }
  const shape = (kind: Kind, more: Partial<Shape> = {}): Shape => ({
    kind,
    schema,
    nullable,
    options: [],
    branches: [],
    ...more,
  });

  if ('const' in schema) return shape('const');
  if (Array.isArray(schema.enum)) {
    return shape('enum', { options: schema.enum.map((value) => ({ value, label: said(value) })) });
  }

  const ways = schema.oneOf ?? schema.anyOf;
  if (Array.isArray(ways)) {
    const { oneOf: _one, anyOf: _any, ...beside } = schema;
    const resolved = ways.map((way) => resolve(way, root));
    const others = resolved.filter((way) => way.type !== 'null' && way.const !== null);
    if (others.length < resolved.length) nullable = true;
    if (others.length === 1 && others[0]) {
      const inner = shapeOf(merge(others[0], beside), root);
      return { ...inner, nullable: nullable || inner.nullable };
    }
    if (others.length > 0 && others.every((way) => 'const' in way)) {
      const options = others.map((way) => ({ value: way.const, label: way.title ?? said(way.const) }));
      return shape('enum', { options });
    }
    // A rule such as "one of these two is required" is no choice of shapes: what it says is checked, not shown.
    const rules = others.every((way) => typesOf(way).length === 0 && !way.properties && !way.items);
    if (!rules) return shape('choice', { branches: others.map((way) => merge(beside, way)) });
  }

  const left = typesOf(schema);
  if (left.length > 1) return shape('choice', { branches: left.map((type) => ({ ...schema, type })) });
  switch (left[0]) {
    case 'string':
    case 'number':
    case 'integer':
    case 'boolean':
    case 'null':
      return shape(left[0]);
    case 'object':
      return shape(schema.properties ? 'object' : 'json');
    case 'array':
      return shape(isObject(schema.items) ? 'array' : 'json');
  }
  if (schema.properties) return shape('object');
  return shape('json');
}

/** A value in a few characters, for lists to choose from. */
export function said(value: unknown): string {
  if (typeof value === 'string') return value === '' ? '(empty)' : value;
  return JSON.stringify(value) ?? 'nothing';
}

/** `max_parallel` becomes `Max parallel`; a title is taken as it is. */
export function labelOf(schema: Schema, name: string): string {
  if (schema.title) return schema.title;
  const spaced = name.replaceAll(/[_-]+/g, ' ').replaceAll(/([a-z])([A-Z])/g, '$1 $2');
  return spaced.charAt(0).toUpperCase() + spaced.slice(1);
}

/** What a way of a choice is called. */
export function branchLabel(branch: Schema, at: number, root: Schema): string {
  if (branch.title) return branch.title;
  const { kind, schema } = shapeOf(branch, root);
  if (kind === 'const') return said(schema.const);
  const tag = Object.entries(schema.properties ?? {}).find(([, part]) => isObject(part) && 'const' in part);
  if (tag) return said((tag[1] as Schema).const);
  const names: Partial<Record<Kind, string>> = {
    string: 'A text',
    number: 'A number',
    integer: 'A whole number',
    boolean: 'Yes or no',
    array: 'A list',
    enum: 'One of a list',
  };
  return names[kind] ?? (schema.required?.length ? `With ${schema.required.join(', ')}` : `Way ${at + 1}`);
}

/**
 * What a value is before anybody has said anything: defaults, and the objects and lists that have to be there. Texts and numbers
 * that nobody gave are absent, so that a form cannot send what nobody has chosen.
 */
export function initial(given: SchemaOrBool | undefined, root: Schema, required = true, depth = 0): unknown {
  const { kind, schema, nullable, branches } = shapeOf(given, root);
  if (schema.default !== undefined) return structuredClone(schema.default);
  if (!required || depth > DEPTH_MAX) return undefined;
  switch (kind) {
    case 'const':
      return schema.const;
    case 'null':
      return null;
    case 'boolean':
      return nullable ? null : false;
    case 'object':
      return nullable ? null : initialObject(schema, root, depth);
    case 'array': {
      const items = schema.items as Schema;
      const least = Math.min(schema.minItems ?? 0, 50);
      return Array.from({ length: least }, () => initial(items, root, true, depth + 1) ?? null);
    }
    case 'choice':
      return branches[0] ? initial(branches[0], root, true, depth + 1) : undefined;
    case 'json':
      return schema.type === 'object' ? {} : schema.type === 'array' ? [] : undefined;
    default:
      return undefined;
  }
}

function initialObject(schema: Schema, root: Schema, depth: number): Record<string, unknown> {
  const value: Record<string, unknown> = {};
  for (const [name, part] of Object.entries(schema.properties ?? {})) {
    const inside = initial(part, root, schema.required?.includes(name) ?? false, depth + 1);
    if (inside !== undefined) value[name] = inside;
  }
  return value;
}

/** What has to be given comes first, as the schema names it; then the rest, and last what is on its way out. */
export function inOrder(schema: Schema): [string, SchemaOrBool][] {
  const all = Object.entries(schema.properties ?? {});
  const rank = ([name, part]: [string, SchemaOrBool]) => {
    const needed = schema.required?.indexOf(name) ?? -1;
    if (needed >= 0) return needed - all.length;
    return isObject(part) && part.deprecated === true ? 1 : 0;
  };
  return all.toSorted((a, b) => rank(a) - rank(b));
}

/** Whether the object may have keys that are not among its properties, and whether that was said. */
export function extras(schema: Schema): 'none' | 'open' | 'described' {
  if (schema.additionalProperties === false) return schema.patternProperties ? 'described' : 'none';
  if (schema.additionalProperties !== undefined || schema.patternProperties) return 'described';
  return 'open';
}
