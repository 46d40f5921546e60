import { expect, test } from 'vitest';
import { foldSpan, momentOf, newStep, runStatusAfter, stepAfter, type Span, type Told } from './fold';

let second = 0;
const told = (type: string, data: Record<string, unknown>): Told => ({
  type,
  data,
  time: new Date(Date.UTC(2026, 0, 1, 0, 0, (second += 1))),
});

function after(events: Told[]) {
  let step = newStep('restart');
  for (const event of events) {
    const moment = momentOf(event);
    if (moment) step = stepAfter(step, moment, event.time);
  }
  return step;
}

const failure = { class: 'transient', code: 'busy', message: 'try later', happened: 'no' };

test('a step that is tried twice and completes', () => {
  const step = after([
    told('step.scheduled', { step: 'restart' }),
    told('step.started', { step: 'restart', attempt: 1, iteration: 1, agent: 'service' }),
    told('step.retrying', { step: 'restart', attempt: 1, failure, retry_at: '2026-01-01T00:01:00Z' }),
    told('step.started', { step: 'restart', attempt: 2, iteration: 1, agent: 'service' }),
    told('step.completed', { step: 'restart', attempt: 2, output: { json: 1 } }),
  ]);
  expect(step).toMatchObject({
    status: 'completed',
    attempts: 2,
    agent: 'service',
    error: null,
    retry_at: null,
    duration_ms: 3000,
  });
});

test('while it is tried again it says when, and why', () => {
  const step = after([
    told('step.started', { step: 'restart', attempt: 1 }),
    told('step.retrying', { step: 'restart', attempt: 1, failure, retry_at: '2026-01-01T00:01:00Z' }),
  ]);
  expect(step).toMatchObject({
    status: 'retrying',
    retry_at: '2026-01-01T00:01:00Z',
    error: failure,
    ended_at: null,
  });
});

test('the reason of waiting is gone when it goes on', () => {
  const waiting = told('step.waiting', { step: 'restart', reason: 'approval', approval: 'q' });
  expect(after([waiting])).toMatchObject({ status: 'waiting', reason: 'approval', approval: 'q' });
  expect(after([waiting, told('step.completed', { step: 'restart' })])).toMatchObject({
    status: 'completed',
    reason: null,
    approval: null,
  });
});

test('an attempt that was cut off is tried at once, or when it is said', () => {
  expect(
    momentOf(told('step.interrupted', { step: 'a', attempt: 1, reason: 'process_ended' })),
  ).toMatchObject({ status: 'ready', reason: null });
  expect(
    momentOf(told('step.interrupted', { step: 'a', attempt: 1, retry_at: '2026-01-01T00:01:00Z' }))?.status,
  ).toBe('retrying');
});

test('what is said of the run is not taken for a step', () => {
  expect(momentOf(told('run.failed', { step: 'a', failure }))).toBeNull();
  expect(runStatusAfter(told('run.failed', { step: 'a', failure }))).toBe('failed');
  expect(runStatusAfter(told('step.judged', { step: 'a' }))).toBeNull();
});

test('attempts and questions begin and end', () => {
  const spans = new Map<string, Span>();
  const events = [
    told('step.started', { step: 'a', attempt: 1, agent: 'x' }),
    told('approval.requested', { step: 'gate', approval: 'q' }),
    told('step.retrying', { step: 'a', attempt: 1, failure }),
    told('approval.decided', { step: 'gate', approval: 'q', decision: 'approved' }),
    told('step.started', { step: 'a', attempt: 2, agent: 'x' }),
  ];
  events.forEach((event) => foldSpan(spans, event));
  expect([...spans.values()].map((span) => [span.id, span.kind, span.outcome, span.duration_ms])).toEqual([
    ['a@1', 'attempt', 'failed', 2000],
    ['q', 'approval', 'approved', 2000],
    ['a@2', 'attempt', 'running', 0],
  ]);
});
