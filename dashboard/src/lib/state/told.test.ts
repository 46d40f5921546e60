import { describe, expect, it } from 'vitest';
import { subjectOf, type Recorded } from '$lib/feed/decode';
import { Families, settledBy, toldOf } from './told';

const RUN = '01980c2a-77e1-7c50-8b1a-3f0e9a7d5c21';
const event = (type: string, data: Record<string, unknown> = {}, step = ''): Recorded => ({
  kind: 'recorded',
  type,
  subject: subjectOf(`runs/${RUN}${step ? `/steps/${step}` : ''}`),
  time: new Date(0),
  sequence: 1n,
  streamSequence: 1n,
  workflow: 'letter',
  data,
});

describe('what is told', () => {
  it('of a question is the question, with the way to it', () => {
    const asked = event('approval.requested', { approval: 'q', action: { json: 'Send it to Ada' } }, 'ask');
    expect(toldOf(asked, false)).toEqual({
      kind: 'needs_you',
      notice: {
        tone: 'ask',
        title: 'Send it to Ada',
        text: 'letter needs an answer, run …9a7d5c21',
        href: '/needs-you?item=a:q',
        about: 'approval/q',
      },
    });
    const large = event(
      'approval.requested',
      { approval: 'q', action: { blob: 'ff', bytes: 70_000 } },
      'ask',
    );
    expect(toldOf(large, false)?.notice.title).toBe('letter asks');
  });

  it('of a failure is which workflow it was, and why', () => {
    const failed = event('run.failed', { step: 'send', failure: { message: 'the door is shut' } });
    expect(toldOf(failed, false)?.notice).toMatchObject({
      title: 'letter failed',
      text: 'the door is shut · run …9a7d5c21',
      href: `/runs/${RUN}`,
    });
    expect(toldOf(event('run.failed'), false)?.notice.text).toBe('run …9a7d5c21');
  });

  it('of steps is told only where their run is open', () => {
    const failed = event('step.failed', {}, 'send');
    expect(toldOf(failed, false)).toBeNull();
    expect(toldOf(failed, true)?.notice).toMatchObject({
      title: 'send failed',
      href: `/runs/${RUN}?step=send`,
    });
  });

  it('of a failure below another is of its family, and weighs less', () => {
    const families = new Families();
    const child = event('run.created', { parent: { run: 'above', step: 'each.0', root: 'top' } });
    families.hear(child);
    expect([families.rootOf(RUN), families.rootOf('top')]).toEqual(['top', 'top']);
    const failed = (type: string, step: string, root: string) =>
      toldOf(event(type, {}, step), true, root)?.notice.family;
    expect(failed('run.failed', '', RUN)).toEqual({ key: RUN, weight: 3 });
    expect(failed('run.failed', '', 'top')).toEqual({ key: 'top', weight: 2 });
    expect(failed('step.failed', 'each', RUN)).toEqual({ key: RUN, weight: 1 });
    expect(failed('step.failed', 'each.0', RUN)).toEqual({ key: RUN, weight: 0 });
  });

  it('is settled by the answer to the question', () => {
    expect(settledBy(event('approval.decided', { approval: 'q' }))).toBe('approval/q');
    expect(settledBy(event('run.failed'))).toBeUndefined();
  });
});
