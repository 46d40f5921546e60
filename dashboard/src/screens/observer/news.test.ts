import { describe, expect, it } from 'vitest';
import type { Recorded } from '$lib/feed/decode';
import { newsOf, together, type News } from './news';

const event = (type: string, data: Record<string, unknown>, at = 0): Recorded => ({
  kind: 'recorded',
  type,
  subject: { text: 'tree' },
  time: new Date(at),
  sequence: 1n,
  streamSequence: 1n,
  data,
});
const told = (...events: Recorded[]) =>
  together(
    events.flatMap((one) => newsOf(one) ?? []),
    [],
  ).map((news: News) => `${news.path} ${news.word}${news.text ? `, ${news.text}` : ''}`);

describe('news of the tree', () => {
  it('tell an end that was answered by a restart once', () => {
    const end = event('actor.exited', { path: 'a', exit: 'panicked: no' }, 10);
    const restart = event('actor.restarted', { path: 'a', exit: 'panicked: no' }, 20);
    expect(told(end, restart)).toEqual(['a restarted, panicked: no']);
    expect(told(restart, end)).toEqual(['a restarted, panicked: no']);
    expect(told(end)).toEqual(['a ended, panicked: no']);
  });

  it('leave out what ended as it should', () => {
    expect(told(event('actor.exited', { path: 'a', exit: 'shutdown' }))).toEqual([]);
  });

  it('tell what somebody did by hand, and why', () => {
    const stop = { action: 'tree.stop', object: 'a', allowed: true, reason: 'it is lunch' };
    expect(told(event('audit.recorded', stop))).toEqual(['a stopped by hand, it is lunch']);
    expect(told(event('audit.recorded', { ...stop, allowed: false }))).toEqual([
      'a refused: stopped by hand, it is lunch',
    ]);
    const refusal = event('audit.recorded', { ...stop, allowed: false, reason: 'it carries the request' });
    expect(told(event('audit.recorded', stop), refusal)).toEqual([
      'a refused: stopped by hand, it carries the request',
    ]);
    expect(told(event('audit.recorded', { action: 'token.create', object: 't' }))).toEqual([]);
  });
});
