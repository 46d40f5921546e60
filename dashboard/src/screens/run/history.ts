/**
 * How a run stood after each of its events. Of each step its changes are kept and nothing else, so that any moment of a hundred
 * thousand events is shown at once.
 */
import type { Recorded } from './eventlog';
import { momentOf, runStatusAfter } from './fold';

export interface Change {
  /** Place of the event. */
  at: number;
  status: string;
  reason: string | null;
  attempt: number | null;
  items: number | null;
  time: number;
}

export interface Told {
  place: number;
  sequence: bigint;
  type: string;
  time: number;
  step: string | null;
}

export class History {
  /** All events in short, by place − 1. */
  readonly told: Told[] = [];
  readonly steps = new Map<string, Change[]>();
  readonly run: { at: number; status: string }[] = [];

  /** Takes the next events, in order. */
  add(events: Recorded[]): void {
    for (const event of events) {
      if (event.place !== this.told.length + 1) continue;
      const time = Date.parse(event.time);
      const told = { type: event.type, time: new Date(time), data: event.data };
      const moment = momentOf(told);
      const step = typeof event.data.step === 'string' ? event.data.step : null;
      this.told.push({ place: event.place, sequence: event.sequence, type: event.type, time, step });
      if (moment) this.#change(moment.path, { ...moment, at: event.place, time });
      const status = runStatusAfter(told);
      if (status && status !== this.run.at(-1)?.status) this.run.push({ at: event.place, status });
    }
  }

  #change(path: string, change: Change): void {
    const { at, status, reason, time } = change;
    const known = this.steps.get(path);
    const before = known?.at(-1);
    const kept = {
      at,
      status,
      reason,
      time,
      attempt: change.attempt ?? before?.attempt ?? null,
      items: change.items ?? before?.items ?? null,
    };
    if (known) known.push(kept);
    else this.steps.set(path, [kept]);
  }

  /** How a step stood after an event; `null` while nothing had happened to it. */
  stepAt(path: string, place: number): Change | null {
    return last(this.steps.get(path) ?? [], place);
  }

  runAt(place: number): string {
    return last(this.run, place)?.status ?? 'pending';
  }

  /** Every step that anything had happened to. */
  stepsAt(place: number): Map<string, Change> {
    const found = new Map<string, Change>();
    for (const [path, changes] of this.steps) {
      const change = last(changes, place);
      if (change) found.set(path, change);
    }
    return found;
  }

  /** The next or previous event of a step, or of any. */
  beside(place: number, by: 1 | -1, step: string | null): number | null {
    for (let at = place + by; at >= 1 && at <= this.told.length; at += by) {
      if (step === null || this.told[at - 1]?.step === step) return at;
    }
    return null;
  }
}

function last<T extends { at: number }>(changes: T[], place: number): T | null {
  let [low, high] = [0, changes.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((changes[middle]?.at ?? Infinity) <= place) low = middle + 1;
    else high = middle;
  }
  return changes[low - 1] ?? null;
}
