/**
 * Which fields the form of a node has, read from the JSON Schema of workflow files: a key that the language gets is in the form without
 * anybody writing one. What has no widget of its own is edited as YAML.
 */
import { isMapping } from './write';

export type Widget =
  | 'agent'
  | 'capability'
  | 'workflow'
  | 'node'
  | 'expression'
  | 'template'
  | 'text'
  | 'word'
  | 'number'
  | 'flag'
  | 'choice'
  | 'duration'
  | 'timeout'
  | 'retry'
  | 'needs'
  | 'on_error'
  | 'arguments'
  | 'labels'
  | 'cases'
  | 'branches'
  | 'require'
  | 'object'
  | 'yaml';

export interface Field {
  key: string;
  help: string;
  widget: Widget;
  required: boolean;
  options: string[];
  example: unknown;
  schema: Schema;
}

export type Schema = Record<string, unknown>;

export interface Fields {
  /** What this node is about. */
  main: Field[];
  /** What any node may say, and most do not. */
  more: Field[];
  /** Keys of which exactly one is there: `agent` or `capability`. */
  either: string[][];
}

const BY_REF: Record<string, Widget> = {
  cel: 'expression',
  template: 'template',
  duration: 'duration',
  span: 'duration',
  timeout: 'timeout',
  policy: 'retry',
  needs: 'needs',
  join_needs: 'needs',
  on_error: 'on_error',
  on_error_of_call: 'on_error',
  inline_on_error: 'on_error',
  inline_on_error_of_call: 'on_error',
  arguments: 'arguments',
  labels: 'labels',
  id: 'node',
  schema: 'yaml',
  success: 'object',
  beside_call: 'object',
};

const BY_KEY: Record<string, Widget> = {
  agent: 'agent',
  tool: 'agent',
  capability: 'capability',
  workflow: 'workflow',
  cases: 'cases',
  branches: 'branches',
  require: 'require',
  description: 'text',
  expression: 'expression',
};

/** In this order; the others follow as the schema has them. */
const FIRST = [
  'agent',
  'tool',
  'capability',
  'workflow',
  'version',
  'action',
  'impact',
  'risk',
  'over',
  'cases',
  'branches',
  'require',
  'merge',
  'for',
  'until',
  'signal',
  'max',
  'event',
  'data',
  'value',
  'expression',
  'input',
  'needs',
  'when',
];
const COMMON = new Set([
  'description',
  'when',
  'timeout',
  'retry',
  'effect',
  'on_error',
  'estimate',
  'resources',
  'success',
  'verify',
  'compensate',
  'labels',
  'max_parallel',
  'on_parent_cancel',
  'form',
  'on_timeout',
  'merge',
  'version',
  'message',
]);
/** Edited elsewhere: by the type's own control, or by opening what stands inside. */
const ELSEWHERE = new Set(['type', 'node']);

export function resolve(root: Schema, schema: unknown): { schema: Schema; ref: string | null } {
  let here = isMapping(schema) ? schema : {};
  let ref: string | null = null;
  for (let hop = 0; hop < 8 && typeof here.$ref === 'string'; hop += 1) {
    ref = here.$ref.replace('#/$defs/', '');
    const target = isMapping(root.$defs) ? root.$defs[ref] : undefined;
    // What stands beside a reference is nearer to the reader.
    here = { ...(isMapping(target) ? target : {}), ...omit(here, '$ref') };
  }
  return { schema: here, ref };
}

/** The fields of a node of this type; `inner` for one that stands inside of a map or a loop. */
export function fieldsOf(root: Schema, type: string, inner = false): Fields {
  const defs = isMapping(root.$defs) ? root.$defs : {};
  const own = defs[inner ? `inline_${type}` : type] ?? defs[type];
  return own ? fieldsOfObject(root, own as Schema, type) : { main: [], more: [], either: [] };
}

/** The fields of any mapping that the schema describes. */
export function fieldsOfObject(root: Schema, schema: Schema, type = ''): Fields {
  const object = resolve(root, schema).schema;
  const properties = isMapping(object.properties) ? object.properties : {};
  const required = new Set(Array.isArray(object.required) ? object.required.map(String) : []);
  const either = eithers(object);
  const fields = Object.entries(properties)
    .filter(([key]) => !ELSEWHERE.has(key) || (key === 'type' && type === ''))
    .map(([key, one]) => fieldOf(root, key, one, required.has(key)))
    .sort((a, b) => rank(a.key) - rank(b.key));
  const isMain = (field: Field) =>
    field.required ||
    either.flat().includes(field.key) ||
    !COMMON.has(field.key) ||
    (type === 'human_gate' && ['on_timeout', 'timeout', 'form'].includes(field.key)) ||
    (type === 'tool_call' && field.key === 'effect') ||
    (type === 'join' && field.key === 'merge');
  return {
    main: fields.filter((field) => isMain(field) && field.key !== 'description'),
    more: fields.filter((field) => !isMain(field) || field.key === 'description'),
    either,
  };
}

function fieldOf(root: Schema, key: string, one: unknown, required: boolean): Field {
  const { schema, ref } = resolve(root, one);
  const options = optionsOf(schema);
  return {
    key,
    help: typeof schema.description === 'string' ? schema.description : '',
    widget: widgetOf(key, schema, ref, options),
    required,
    options,
    example: Array.isArray(schema.examples) ? schema.examples[0] : undefined,
    schema,
  };
}

function widgetOf(key: string, schema: Schema, ref: string | null, options: string[]): Widget {
  if (ref === 'name' || !ref) {
    const byKey = BY_KEY[key];
    if (byKey) return byKey;
  }
  if (ref && BY_REF[ref]) return BY_REF[ref];
  if (options.length > 0) return 'choice';
  switch (schema.type) {
    case 'integer':
    case 'number':
      return 'number';
    case 'boolean':
      return 'flag';
    case 'string':
      return 'word';
    case 'object':
      return isMapping(schema.properties) ? 'object' : 'yaml';
  }
  return 'yaml';
}

function optionsOf(schema: Schema): string[] {
  if (Array.isArray(schema.enum)) return schema.enum.map(String);
  return [];
}

/** Groups of keys that stand for each other, as `oneOf: [{required: [agent]}, {required: [capability]}]` says. */
function eithers(schema: Schema): string[][] {
  return ['oneOf', 'anyOf'].flatMap((word) => {
    const ways = schema[word];
    if (!Array.isArray(ways) || ways.length < 2) return [];
    const keys = ways.map((way) =>
      isMapping(way) && Array.isArray(way.required) && way.required.length === 1
        ? String(way.required[0])
        : null,
    );
    // `success` needs one of several, and may have all of them.
    if (keys.includes(null) || keys.includes('assertions')) return [];
    return [keys as string[]];
  });
}

/** What a field holds when it is added: the schema's example, or the least that its type allows. */
export function starterOf(field: Field): unknown {
  switch (field.widget) {
    case 'needs':
      return [];
    case 'labels':
    case 'arguments':
    case 'object':
      return field.widget === 'object' && field.example !== undefined ? field.example : {};
    case 'choice':
      return field.options[0];
    case 'retry':
      return { max_attempts: 3 };
    case 'on_error':
      return 'continue';
  }
  if (field.example !== undefined) return field.example;
  if (field.widget === 'number') return typeof field.schema.minimum === 'number' ? field.schema.minimum : 1;
  return field.widget === 'flag' ? true : '';
}

/** `on_timeout` as people read it. */
export function labelOf(key: string): string {
  const words = key.replaceAll('_', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function rank(key: string): number {
  const at = FIRST.indexOf(key);
  return at === -1 ? FIRST.length : at;
}

function omit(value: Schema, key: string): Schema {
  return Object.fromEntries(Object.entries(value).filter(([one]) => one !== key));
}
