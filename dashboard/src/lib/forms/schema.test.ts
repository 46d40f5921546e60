import { describe, expect, it } from 'vitest';
import {
  branchLabel,
  initial,
  inOrder,
  labelOf,
  merge,
  read,
  resolve,
  same,
  shapeOf,
  type Schema,
} from './schema';

const kind = (schema: Schema) => shapeOf(schema, schema).kind;

describe('shapeOf', () => {
  it('names the control for every plain type', () => {
    expect(kind({ type: 'string' })).toBe('string');
    expect(kind({ type: 'integer' })).toBe('integer');
    expect(kind({ type: 'boolean' })).toBe('boolean');
    expect(kind({ type: 'object', properties: {} })).toBe('object');
    expect(kind({ type: 'array', items: { type: 'string' } })).toBe('array');
    expect(kind({ enum: ['a', 'b'] })).toBe('enum');
  });

  it('takes what no field can show as JSON', () => {
    expect(kind({})).toBe('json');
    expect(kind({ type: 'object' })).toBe('json');
    expect(kind({ type: 'array' })).toBe('json');
    expect(kind({ type: 'array', items: true })).toBe('json');
    expect(kind({ type: 'array', prefixItems: [{ type: 'string' }] })).toBe('json');
  });

  it('takes null out of a type and of a choice', () => {
    expect(shapeOf({ type: ['string', 'null'] }, {})).toMatchObject({ kind: 'string', nullable: true });
    expect(shapeOf({ anyOf: [{ type: 'integer' }, { type: 'null' }] }, {})).toMatchObject({
      kind: 'integer',
      nullable: true,
    });
    expect(shapeOf({ type: ['string', 'null'], enum: ['a', null] }, {}).options).toHaveLength(1);
  });

  it('makes a list to choose from of ways that are constants', () => {
    const schema = { oneOf: [{ const: 'eu', title: 'Europe' }, { const: 'us' }] };
    expect(shapeOf(schema, schema)).toMatchObject({
      kind: 'enum',
      options: [
        { value: 'eu', label: 'Europe' },
        { value: 'us', label: 'us' },
      ],
    });
  });

  it('offers a choice of shapes, with what stands beside them in each', () => {
    const schema: Schema = {
      type: 'object',
      properties: { name: { type: 'string' } },
      oneOf: [{ properties: { a: { type: 'string' } } }, { properties: { b: { type: 'string' } } }],
    };
    const shape = shapeOf(schema, schema);
    expect(shape.kind).toBe('choice');
    expect(Object.keys(shape.branches[1]?.properties ?? {})).toEqual(['name', 'b']);
  });

  it('shows no choice where the ways only say what is required', () => {
    const schema: Schema = {
      type: 'object',
      properties: { a: {}, b: {} },
      anyOf: [{ required: ['a'] }, { required: ['b'] }],
    };
    expect(kind(schema)).toBe('object');
  });

  it('follows references, also such as lead back to themselves', () => {
    const root: Schema = {
      $ref: '#/$defs/tree',
      $defs: {
        tree: {
          type: 'object',
          properties: { children: { type: 'array', items: { $ref: '#/$defs/tree' } } },
        },
        round: { $ref: '#/$defs/round' },
      },
    };
    expect(kind(root)).toBe('object');
    expect(resolve({ $ref: '#/$defs/round' }, root)).toBeTypeOf('object');
    expect(resolve({ $ref: 'https://example.com/x' }, root)).toEqual({});
  });
});

describe('initial', () => {
  it('has the defaults and what is required, and nothing that nobody has said', () => {
    const schema: Schema = {
      type: 'object',
      required: ['where', 'on', 'list', 'deep'],
      properties: {
        where: { type: 'string' },
        on: { type: 'boolean' },
        list: { type: 'array', items: { type: 'string' } },
        deep: { type: 'object', properties: { times: { type: 'integer', default: 3 } } },
        maybe: { type: 'object', properties: { x: { type: 'string', default: 'y' } } },
        kept: { type: 'string', default: 'as it was' },
      },
    };
    expect(initial(schema, schema)).toEqual({ on: false, list: [], deep: { times: 3 }, kept: 'as it was' });
  });

  it('ends where a schema contains itself', () => {
    const root: Schema = { type: 'object', required: ['next'], properties: { next: { $ref: '#' } } };
    expect(initial(root, root)).toBeTypeOf('object');
  });

  it('does not share a default between two values', () => {
    const schema: Schema = { type: 'array', items: {}, default: [1] };
    expect(initial(schema, schema)).not.toBe(schema.default);
  });
});

describe('small parts', () => {
  it('reads by pointer, with slashes and tildes in names', () => {
    expect(read({ 'a/b': { '~': [1, 2] } }, '/a~1b/~0/1')).toBe(2);
    expect(read({ a: 1 }, '/b/c')).toBeUndefined();
    expect(read({}, '/constructor')).toBeUndefined();
  });

  it('says names as people do', () => {
    expect(labelOf({}, 'max_parallel')).toBe('Max parallel');
    expect(labelOf({}, 'healthUrl')).toBe('Health Url');
    expect(labelOf({ title: 'URL' }, 'x')).toBe('URL');
  });

  it('names a way by its title, its tag, or its kind', () => {
    expect(branchLabel({ title: 'T' }, 0, {})).toBe('T');
    expect(branchLabel({ properties: { kind: { const: 'http' } } }, 0, {})).toBe('http');
    expect(branchLabel({ type: 'string' }, 0, {})).toBe('A text');
    expect(branchLabel({ type: 'object', properties: {} }, 1, {})).toBe('Way 2');
  });

  it('asks first for what has to be given', () => {
    const schema = { required: ['z', 'm'], properties: { a: { deprecated: true }, b: {}, m: {}, z: {} } };
    expect(inOrder(schema).map(([name]) => name)).toEqual(['z', 'm', 'b', 'a']);
  });

  it('compares values, not references', () => {
    expect(same({ a: [1, { b: null }] }, { a: [1, { b: null }] })).toBe(true);
    expect(same({ a: 1 }, { a: 1, b: undefined })).toBe(false);
    expect(same([], {})).toBe(false);
  });

  it('lays two schemas together', () => {
    expect(
      merge({ required: ['a'], properties: { a: {} } }, { required: ['b'], properties: { b: {} } }),
    ).toEqual({
      required: ['a', 'b'],
      properties: { a: {}, b: {} },
    });
  });
});
