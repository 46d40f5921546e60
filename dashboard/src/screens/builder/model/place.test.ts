import { expect, it } from 'vitest';
import { placed, worst } from './place';

const found = (more: object) => ({ severity: 'error' as const, code: 'GL0001', message: 'x', ...more });

it('belongs to the node whose path it has', () => {
  const [one, two, three] = placed(
    [found({ path: '/nodes/a/input/x~1y' }), found({ path: '/nodes/gone' }), found({ path: '/name' })],
    '',
    ['a'],
  );
  expect(one).toMatchObject({ node: 'a', within: 'input/x/y' });
  expect(two?.node).toBeNull();
  expect(three).toMatchObject({ node: null, within: 'name' });
});

it('counts columns in characters, not in halves of them', () => {
  const text = 'one\n😀😀 wrong here\n';
  const [one] = placed([found({ line: 2, column: 4, end_line: 2, end_column: 9 })], text, []);
  expect(text.slice(one?.from, one?.to)).toBe('wrong');
});

it('stays within the text', () => {
  const [one] = placed([found({ line: 9, column: 99, end_line: 12, end_column: 1 })], 'a\nb', []);
  expect(one?.from).toBeLessThanOrEqual(3);
  expect(one?.to).toBeLessThanOrEqual(3);
});

it('knows the worst of several', () => {
  expect(worst([])).toBeNull();
  expect(worst([found({ severity: 'warning' }), found({})])).toBe('error');
});
