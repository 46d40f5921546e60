import { describe, expect, it } from 'vitest';
import { fieldsOf, typeOf } from './schema';

describe('a schema in words', () => {
  it('says of each field what it is, whether it has to be there, and what narrows it down', () => {
    const fields = fieldsOf({
      type: 'object',
      required: ['url'],
      properties: {
        url: { type: 'string', format: 'uri', description: 'Where' },
        tries: { type: 'integer', minimum: 1, default: 3 },
        level: { enum: ['low', 'high'] },
        hosts: { type: 'array', items: { type: 'string', minLength: 1 }, minItems: 1, maxItems: 5 },
      },
    });
    expect(fields).toEqual([
      { name: 'url', depth: 0, required: true, type: 'text', limits: ['uri'], description: 'Where' },
      {
        name: 'tries',
        depth: 0,
        required: false,
        type: 'whole number',
        limits: ['at least 1', 'default: 3'],
        description: '',
      },
      { name: 'level', depth: 0, required: false, type: 'one of low, high', limits: [], description: '' },
      {
        name: 'hosts',
        depth: 0,
        required: false,
        type: 'list of text',
        limits: ['at least 1 item', 'at most 5 items'],
        description: '',
      },
    ]);
  });

  it('shows what is inside of objects and lists below them', () => {
    const fields = fieldsOf({
      properties: {
        hosts: { type: 'array', items: { type: 'object', properties: { name: { type: 'string' } } } },
      },
    });
    expect(fields.map((field) => [field.depth, field.name, field.type])).toEqual([
      [0, 'hosts', 'list of object'],
      [1, 'name', 'text'],
    ]);
  });

  it('knows of fields that are only required', () => {
    expect(fieldsOf({ type: 'object', required: ['path'] })).toMatchObject([
      { name: 'path', required: true, type: 'anything' },
    ]);
  });

  it('names types that may be one of several', () => {
    expect(typeOf({ type: ['string', 'null'] })).toBe('text or nothing');
    expect(typeOf({ anyOf: [{ type: 'string' }, { type: 'integer' }] })).toBe('text or whole number');
    expect(typeOf({ const: 4 })).toBe('always 4');
    expect(typeOf({})).toBe('anything');
    expect(typeOf(undefined)).toBe('anything');
  });

  it('stops in a schema that has no end', () => {
    const endless: Record<string, unknown> = { type: 'object' };
    endless.properties = { again: endless };
    expect(fieldsOf(endless).length).toBeLessThan(10);
  });
});
