import { expect, test } from 'vitest';
import { afterwards, deadline } from './approval';

const at = '2026-01-01T12:00:00Z';
const before = (ms: number) => Date.parse(at) - ms;

test('a question says how long there is, until when, and what comes then', () => {
  const asked = { expires_at: at, on_timeout: 'reject' };
  expect(deadline(asked, before(90_500), 'utc')).toBe(
    '1 min 31 s left to answer, until 12:00 UTC. After that it counts as rejected, and its step fails.',
  );
  expect(deadline({ ...asked, on_timeout: 'approve' }, before(-1), 'utc')).toBe(
    'The time is over: it counts as approved, and the run goes on.',
  );
});

test('a time that is far away is said with its day', () => {
  expect(deadline({ expires_at: at }, before(3 * 86_400_000), 'utc')).toContain('2026');
});

test('a question without an end says that it waits', () => {
  expect(deadline({ expires_at: null, on_timeout: 'wait' }, 0, 'utc')).toBe(
    'It waits until somebody answers.',
  );
});

test('what is not known is not said', () => {
  expect(afterwards('dance')).toBeNull();
  expect(afterwards(undefined)).toBeNull();
  expect(deadline({ expires_at: at }, before(60_000), 'utc')).toBe('1 min left to answer, until 12:00 UTC.');
});
