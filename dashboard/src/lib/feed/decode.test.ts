import { describe, expect, it } from 'vitest';
import { decode, subjectOf } from './decode';

function frame(type: string, more: object = {}): string {
  return JSON.stringify({ specversion: '1.0', id: 'x', source: '/feed', type, ...more });
}

describe('a frame', () => {
  it('with a sequence is something recorded, however large the sequence is', () => {
    const event = decode(
      frame('step.completed', {
        subject: 'runs/r1/steps/each.2.fetch',
        time: '2026-11-20T10:00:00Z',
        sequence: '9007199254740993',
        streamsequence: '7',
        data: { step: 'each.2.fetch' },
      }),
    );
    expect(event).toEqual({
      kind: 'recorded',
      type: 'step.completed',
      subject: { text: 'runs/r1/steps/each.2.fetch', run: 'r1', step: 'each.2.fetch' },
      time: new Date('2026-11-20T10:00:00Z'),
      sequence: 9007199254740993n,
      streamSequence: 7n,
      data: { step: 'each.2.fetch' },
    });
  });

  it('without one is shown and not recorded', () => {
    expect(decode(frame('actor.exited', { data: { path: 'core/planner' } }))).toMatchObject({
      kind: 'live',
      type: 'actor.exited',
      data: { path: 'core/planner' },
    });
  });

  it('may be what the feed says of itself', () => {
    const cases: [string, object, object][] = [
      ['feed.hello', { log: 'a', head: '12' }, { kind: 'hello', log: 'a', head: 12n }],
      [
        'feed.gap',
        { from: '3', to: '9', reason: 'retention' },
        { kind: 'gap', from: 3n, to: 9n, reason: 'retention' },
      ],
      ['feed.lagged', {}, { kind: 'lagged' }],
      ['feed.closing', { reason: 'shutdown' }, { kind: 'closing', reason: 'shutdown' }],
      [
        'feed.error',
        { code: 'bad_request', detail: 'no' },
        { kind: 'error', code: 'bad_request', detail: 'no' },
      ],
    ];
    for (const [type, data, expected] of cases) expect(decode(frame(type, { data }))).toEqual(expected);
  });

  it('of a type that is not known here passes, since a newer daemon may have more', () => {
    expect(decode(frame('moon.rose', { sequence: 4 }))).toMatchObject({ kind: 'recorded', sequence: 4n });
  });

  it('that no feed sends is nothing', () => {
    for (const text of ['', 'null', '[]', '{}', '{"type":7}', '{"type":']) expect(decode(text)).toBeNull();
  });

  it('with a sequence that is no number does not break the feed', () => {
    expect(decode(frame('run.created', { sequence: 'x' }))).toMatchObject({ sequence: 0n });
  });
});

describe('a subject', () => {
  it('names the run, step, workflow or agent that an event is about', () => {
    expect(subjectOf('runs/r1')).toEqual({ text: 'runs/r1', run: 'r1' });
    expect(subjectOf('runs/r1/steps/a.0.b')).toMatchObject({ run: 'r1', step: 'a.0.b' });
    expect(subjectOf('workflows/deploy')).toMatchObject({ workflow: 'deploy' });
    expect(subjectOf('agents/http-probe')).toMatchObject({ agent: 'http-probe' });
    expect(subjectOf('')).toEqual({ text: '' });
  });
});
