/**
 * A run that failed and was tried again has all its tries in one timeline. A step says in which try it was done last, and its attempts
 * to which try they belong; when a try began is the beginning of the first of them.
 */
import type { components } from '$lib/api/schema';
import type { Span, Step } from './fold';
import { rowOf, type GanttRow } from './gantt';
import { ownerOf } from './paths';

type Attempt = Pick<components['schemas']['Attempt'], 'iteration' | 'started_at'>;

/** How often the run was tried. */
export function triesOf(steps: ReadonlyMap<string, Step>): number {
  let tries = 1;
  for (const step of steps.values()) tries = Math.max(tries, step.iteration);
  return tries;
}

/** The steps that were done in the last try and called somebody, those that could begin first before the others. */
export function doneLast(steps: ReadonlyMap<string, Step>): string[] {
  const tries = triesOf(steps);
  const again = (path: string) => steps.get(path)?.iteration === tries;
  const isFirst = ({ path, needs }: Step) => {
    const owner = ownerOf(path);
    return !(owner === null ? needs : (steps.get(owner)?.needs ?? [])).some(again);
  };
  const done = [...steps.values()].filter((step) => step.iteration === tries && step.attempts > 0);
  return [...done.filter(isFirst), ...done.filter((step) => !isFirst(step))].map((step) => step.path);
}

/** When the last try began, by the attempts of some of its steps and by the questions that were asked in it; `null` when neither says it. */
export function beganAt(
  steps: ReadonlyMap<string, Step>,
  attempts: Iterable<Attempt>,
  spans: Iterable<Span>,
): number | null {
  const tries = triesOf(steps);
  const begins = [...attempts]
    .filter((one) => one.iteration === tries)
    .map((one) => Date.parse(one.started_at));
  // A step that was tried again asks again: its last question is one of the last try.
  const asked = new Map<string, number>();
  for (const { kind, step, started_at } of spans) {
    if (kind === 'approval' && steps.get(step)?.iteration === tries)
      asked.set(step, Math.max(asked.get(step) ?? 0, Date.parse(started_at)));
  }
  const all = [...begins, ...asked.values()];
  return all.length === 0 ? null : Math.min(...all);
}

/** What was begun since a time. */
export function spansSince(spans: ReadonlyMap<string, Span>, since: number): ReadonlyMap<string, Span> {
  return new Map([...spans].filter(([, span]) => Date.parse(span.started_at) >= since));
}

/** Rows with what they have of the time since then. */
export function rowsSince(rows: GanttRow[], since: number): GanttRow[] {
  return rows.flatMap((row) => {
    const parts = row.parts
      .filter((part) => part.to > since || part.from >= since)
      .map((part) => (part.from < since ? { ...part, from: since } : part));
    return parts.length === 0 ? [] : [rowOf(row.step, parts)];
  });
}
