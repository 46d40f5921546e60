/**
 * What can be undone: one history for canvas and text. A step is the text as it was, and where nodes had been moved to. What is typed
 * in one go is one step, and so is one visit of a field of a form.
 */
import type { Direction } from '$lib/graph/layout';

export interface Moved {
  [id: string]: { x: number; y: number };
}

export interface Moment {
  text: string;
  moved: Moved;
  /** Which way the picture went in which they were moved. */
  way?: Direction;
}

interface Step extends Moment {
  /** What led to it, for people. */
  label: string;
  /** Steps of the same kind that follow each other are one. */
  kind: string | null;
  at: number;
}

export const STEPS_MAX = 100;
/** Somebody who pauses this long in the text begins a new step (milliseconds). */
export const PAUSE = 900;

export class History {
  #steps: Step[];
  #at = 0;

  constructor(first: Moment) {
    this.#steps = [{ ...first, label: '', kind: null, at: 0 }];
  }

  get now(): Moment {
    return this.#steps[this.#at] as Step;
  }

  /** What undoing takes back, and what redoing does again; nothing when there is none. */
  get undoes(): string | null {
    return this.#at > 0 ? (this.#steps[this.#at] as Step).label : null;
  }

  get redoes(): string | null {
    return this.#steps[this.#at + 1]?.label ?? null;
  }

  /** How it was before the steps of this kind, when the last one is of it. */
  before(kind: string): Moment | null {
    const isLast = this.#at > 0 && (this.#steps[this.#at] as Step).kind === kind;
    return isLast ? (this.#steps[this.#at - 1] as Step) : null;
  }

  /** Adds a step; what had been undone is gone by it. One of the same `kind` as the last, within `pause`, takes its place. */
  push(moment: Moment, label: string, at: number, kind: string | null = null, pause = PAUSE): void {
    const now = this.#steps[this.#at] as Step;
    if (moment.text === now.text && moment.moved === now.moved) return;
    this.#steps.length = this.#at + 1;
    const before = kind !== null && at - now.at < pause ? this.before(kind) : null;
    if (before && before.text === moment.text && before.moved === moment.moved) {
      // What was typed and taken back by hand leaves nothing to undo.
      this.#steps.length = this.#at;
      this.#at -= 1;
      return;
    }
    if (before) {
      this.#steps[this.#at] = { ...moment, label, kind, at };
      return;
    }
    this.#steps.push({ ...moment, label, kind, at });
    if (this.#steps.length > STEPS_MAX + 1) this.#steps.shift();
    this.#at = this.#steps.length - 1;
  }

  /** The last step led to this as well. */
  amend(moment: Moment): void {
    this.#steps[this.#at] = { ...(this.#steps[this.#at] as Step), ...moment };
  }

  undo(): Moment | null {
    if (this.#at === 0) return null;
    this.#at -= 1;
    return this.now;
  }

  redo(): Moment | null {
    if (this.#at + 1 >= this.#steps.length) return null;
    this.#at += 1;
    return this.now;
  }
}
