import { describe, expect, it } from 'vitest';
import { check } from './check';
import type { Schema } from './schema';

const said = (schema: Schema, value: unknown) =>
  check(schema, value, schema).map((one) => `${one.path}: ${one.message}`);

describe('check', () => {
  it('finds nothing wrong with what fits', () => {
    const schema: Schema = {
      type: 'object',
      required: ['a'],
      properties: { a: { type: 'integer', minimum: 1 } },
    };
    expect(said(schema, { a: 1, b: 'more' })).toEqual([]);
  });

  it('names the field that is missing, not only its object', () => {
    expect(said({ type: 'object', required: ['a'] }, {})).toEqual(['/a: Is needed']);
    expect(said({ type: 'object', required: ['a'] }, { a: undefined })).toEqual(['/a: Is needed']);
  });

  it('holds numbers against their bounds', () => {
    const schema: Schema = { type: 'number', minimum: 1, exclusiveMaximum: 5, multipleOf: 0.1 };
    expect(said(schema, 0)).toEqual([': At least 1']);
    expect(said(schema, 5)).toEqual([': Less than 5']);
    expect(said(schema, 0.3 + 1)).toEqual([]);
    expect(said({ type: 'integer' }, 1.5)).toEqual([': Has to be a whole number']);
    expect(said({ type: 'number' }, 'x')).toEqual([': Has to be a number']);
  });

  it('holds texts against length, pattern and format', () => {
    expect(said({ minLength: 2 }, 'ä')).toEqual([': At least 2 characters']);
    expect(said({ maxLength: 1 }, '👻')).toEqual([]);
    expect(said({ pattern: '^a' }, 'b')).toEqual([': Has to match ^a']);
    expect(said({ pattern: '(' }, 'b')).toEqual([]);
    expect(said({ format: 'email' }, 'nobody')).toEqual([': Has to be an e-mail address']);
    expect(said({ format: 'date-time' }, '2026-01-31T10:00:00Z')).toEqual([]);
    expect(said({ format: 'something-new' }, 'x')).toEqual([]);
  });

  it('looks into lists', () => {
    const schema: Schema = { type: 'array', items: { type: 'string' }, maxItems: 2, uniqueItems: true };
    expect(said(schema, ['a', 1])).toEqual(['/1: Has to be a text']);
    expect(said(schema, ['a', 'a'])).toEqual(['/1: Stands in the list already']);
    expect(said(schema, ['a', 'b', 'c'])).toEqual([': At most 2 items']);
    expect(said({ prefixItems: [{ type: 'string' }], items: false }, ['a', 1])).toEqual([
      '/1: Nothing may stand here',
    ]);
  });

  it('refuses fields that there are not, and looks into those that are described', () => {
    expect(said({ type: 'object', additionalProperties: false }, { x: 1 })).toEqual([
      '/x: There is no such field',
    ]);
    expect(said({ type: 'object', additionalProperties: { type: 'string' } }, { x: 1 })).toEqual([
      '/x: Has to be a text',
    ]);
    expect(
      said({ patternProperties: { '^x': { type: 'string' } }, additionalProperties: false }, { xa: 1 }),
    ).toEqual(['/xa: Has to be a text']);
  });

  it('says of several ways what is wrong with the nearest', () => {
    const schema: Schema = {
      oneOf: [
        { type: 'object', required: ['a', 'b', 'c'] },
        { type: 'object', required: ['z'] },
      ],
    };
    expect(said(schema, {})).toEqual(['/z: Is needed']);
    expect(said({ anyOf: [{ type: 'string' }, { type: 'null' }] }, 1)).toEqual([
      ': Has to be a text, or Has to be null',
    ]);
    expect(said({ oneOf: [{}, {}] }, 1)).toEqual([': Fits more than one of the ways where one is meant']);
  });

  it('follows conditions', () => {
    const schema: Schema = {
      if: { properties: { mode: { const: 'slow' } }, required: ['mode'] },
      then: { required: ['why'] },
    };
    expect(said(schema, { mode: 'slow' })).toEqual(['/why: Is needed']);
    expect(said(schema, { mode: 'fast' })).toEqual([]);
  });

  it('ends where a schema contains itself', () => {
    const root: Schema = { anyOf: [{ $ref: '#' }] };
    expect(check(root, 1, root)).toEqual([]);
  });
});
