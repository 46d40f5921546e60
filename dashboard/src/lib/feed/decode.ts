/**
 * The only place that knows how a frame of a feed looks (CloudEvents 1.0 in JSON). Everything else works with [[FeedEvent]].
 */

/** Something that is journalled: it has a place in the log of all events and one in its own stream. */
export interface Recorded {
  kind: 'recorded';
  type: string;
  subject: Subject;
  time: Date;
  /** Its place among all events. A string, because it may be larger than a number can say exactly. */
  sequence: bigint;
  /** Its place in its stream, without gaps. */
  streamSequence: bigint;
  /** The workflow of the run that it is about. */
  workflow?: string;
  data: Record<string, unknown>;
}

/** Something that is shown and not journalled: progress, tokens, presence. */
export interface Live {
  kind: 'live';
  type: string;
  subject: Subject;
  time: Date;
  data: Record<string, unknown>;
  /** Of presence: the id under which this connection is among the people. */
  you?: string;
}

/** What the feed says of itself. */
export type Control =
  | { kind: 'hello'; log: string; head: bigint }
  | { kind: 'gap'; from: bigint; to: bigint; reason: string }
  | { kind: 'lagged' }
  | { kind: 'closing'; reason: string }
  /** It did not understand what was said to it. */
  | { kind: 'error'; code: string; detail: string };

export type FeedEvent = Recorded | Live | Control;

/** What an event is about: `runs/{id}/steps/{path}`. */
export interface Subject {
  text: string;
  run?: string;
  step?: string;
  workflow?: string;
  agent?: string;
}

interface Frame {
  type: string;
  subject?: string;
  time?: string;
  sequence?: string | number;
  streamsequence?: string | number;
  you?: string;
  workflow?: string;
  data?: Record<string, unknown>;
}

/** Decodes one frame; `null` for what no feed sends. Types that are not known here pass: a newer daemon may have more. */
export function decode(text: string): FeedEvent | null {
  let frame: Frame;
  try {
    frame = JSON.parse(text) as Frame;
  } catch {
    return null;
  }
  if (typeof frame?.type !== 'string') return null;
  const body = frame.data ?? {};
  switch (frame.type) {
    case 'feed.hello':
      return { kind: 'hello', log: String(body.log ?? ''), head: whole(body.head) };
    case 'feed.gap':
      return { kind: 'gap', from: whole(body.from), to: whole(body.to), reason: String(body.reason ?? '') };
    case 'feed.lagged':
      return { kind: 'lagged' };
    case 'feed.closing':
      return { kind: 'closing', reason: String(body.reason ?? '') };
    case 'feed.error':
      return { kind: 'error', code: String(body.code ?? ''), detail: String(body.detail ?? '') };
  }
  const about = {
    type: frame.type,
    subject: subjectOf(frame.subject ?? ''),
    time: new Date(frame.time ?? Date.now()),
    data: body,
  };
  if (frame.sequence === undefined) {
    return { kind: 'live', ...about, ...(typeof frame.you === 'string' && { you: frame.you }) };
  }
  return {
    kind: 'recorded',
    ...about,
    sequence: whole(frame.sequence),
    streamSequence: whole(frame.streamsequence),
    ...(typeof frame.workflow === 'string' && { workflow: frame.workflow }),
  };
}

export function subjectOf(text: string): Subject {
  const subject: Subject = { text };
  const parts = text.split('/');
  if (parts[0] === 'runs' && parts[1]) {
    subject.run = parts[1];
    if (parts[2] === 'steps') subject.step = parts.slice(3).join('/');
  } else if (parts[0] === 'workflows' && parts[1]) {
    subject.workflow = parts.slice(1).join('/');
  } else if (parts[0] === 'agents' && parts[1]) {
    subject.agent = parts.slice(1).join('/');
  }
  return subject;
}

function whole(value: unknown): bigint {
  try {
    return BigInt(value as string | number);
  } catch {
    return 0n;
  }
}
