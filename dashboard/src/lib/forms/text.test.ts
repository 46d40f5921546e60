import { describe, expect, it } from 'vitest';
import { ApiError } from '$lib/api/problem';
import { moved, without } from './lists';
import { pointer, violationsOf } from './problems';
import { fromLocalInput, isLong, numberOf, parseJson, toLocalInput } from './text';

describe('what is typed', () => {
  it('becomes a number, nothing, or stays a text that is told to be none', () => {
    expect(numberOf(' 1,5 ')).toBe(1.5);
    expect(numberOf('')).toBeUndefined();
    expect(numberOf('1e')).toBe('1e');
  });

  it('becomes JSON, or says where it is none', () => {
    expect(parseJson('{"a":1}')).toEqual({ ok: true, value: { a: 1 } });
    expect(parseJson('  ')).toEqual({ ok: true, value: undefined });
    expect(parseJson('{\n  "a": x\n}')).toMatchObject({ ok: false });
  });

  it('becomes a moment in the zone that was chosen', () => {
    expect(fromLocalInput('2026-01-31T10:00:00', 'utc')).toBe('2026-01-31T10:00:00Z');
    expect(toLocalInput('2026-01-31T10:00:00Z', 'utc')).toBe('2026-01-31T10:00:00');
    const local = toLocalInput('2026-07-01T10:00:00Z', 'local');
    expect(fromLocalInput(local, 'local')).toBe('2026-07-01T10:00:00Z');
    expect(toLocalInput('no time', 'local')).toBe('');
  });

  it('gets more than a line where the schema or the text is long', () => {
    expect(isLong({ format: 'multiline' }, '')).toBe(true);
    expect(isLong({ maxLength: 4000 }, '')).toBe(true);
    expect(isLong({}, 'a\nb')).toBe(true);
    expect(isLong({}, 'a')).toBe(false);
  });
});

describe('what the daemon says', () => {
  const refused = new ApiError({
    title: 'no',
    status: 422,
    code: 'invalid_input',
    violations: [
      { path: '/input/a', message: 'is no number' },
      { path: '/priority', message: 'is too much' },
    ],
    diagnostics: [{ severity: 'error', code: 'GL1', message: 'x', path: 'nodes.a[0]' }],
  });

  it('is found at the field', () => {
    expect(violationsOf(refused, '/input')).toEqual([{ path: '/a', message: 'Is no number' }]);
    expect(violationsOf(refused)).toHaveLength(3);
    expect(violationsOf(new Error('x'))).toEqual([]);
  });

  it('may come with dots', () => {
    expect(pointer('nodes.a[0]')).toBe('/nodes/a/0');
    expect(pointer('/a')).toBe('/a');
  });
});

describe('lists', () => {
  it('are changed by making new ones', () => {
    const list = ['a', 'b', 'c'];
    expect(moved(list, 0, 2)).toEqual(['b', 'c', 'a']);
    expect(moved(list, 0, 3)).toEqual(list);
    expect(without(list, 1)).toEqual(['a', 'c']);
    expect(list).toEqual(['a', 'b', 'c']);
  });
});
