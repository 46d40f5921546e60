import { expect, test } from 'vitest';
import type { Live } from '$lib/feed/decode';
import { hear, linesOf, type Said } from './live';

const live = (type: string, data: Record<string, unknown>): Live => ({
  kind: 'live',
  type,
  subject: { text: '', run: 'r', step: 'write' },
  time: new Date(),
  data: { attempt: 1, ...data },
});
const heard = (...events: Live[]) => hear(new Map(), events).get('write') as Said;

/** S0-2.1a, S2-3.1a, S2-3.1b, S3-7r, S4-AC5, S4-T5a, S4-T5b, S4-T5f */
test('the last five lines stay', () => {
  const said = heard(
    ...Array.from({ length: 9 }, (_, n) => live('step.progress', { ratio: n / 10, text: `line ${n}` })),
  );
  expect(said.ratio).toBe(0.8);
  expect(linesOf(said)).toEqual(['line 4', 'line 5', 'line 6', 'line 7', 'line 8']);
});

test('pieces of text become lines', () => {
  const said = heard(
    live('step.token', { offset: 0, text: 'It was a ' }),
    live('step.token', { offset: 9, text: 'dark night.\nAnd' }),
    live('step.token', { offset: 24, text: ' it' }),
  );
  expect(linesOf(said)).toEqual(['It was a dark night.', 'And it']);
});

test('after a reconnect all that was written comes again, and is not doubled', () => {
  const said = heard(
    live('step.token', { offset: 0, text: 'one\n' }),
    live('step.token', { offset: 4, text: 'two\n' }),
    live('step.token', { offset: 0, text: 'one\ntwo\nthr' }),
    live('step.token', { offset: 4, text: 'two\n' }),
    live('step.token', { offset: 11, text: 'ee' }),
  );
  expect(linesOf(said)).toEqual(['one', 'two', 'three']);
});

test('what an older attempt still says is not heard', () => {
  const said = heard(
    live('step.progress', { attempt: 2, ratio: 0.1, text: 'again' }),
    live('step.progress', { attempt: 1, ratio: 0.9, text: 'late' }),
  );
  expect(said).toMatchObject({ attempt: 2, ratio: 0.1, lines: ['again'] });
});
