/**
 * What can be undone: one history for canvas and text. A step is the text as it was, and where nodes had been moved to. What is typed
 * in one go is one step.
 */
export interface Moved {
  [id: string]: { x: number; y: number };
}

export interface Moment {
  text: string;
  moved: Moved;
}

interface Step extends Moment {
  /** What led to it, for people. */
  label: string;
  /** Steps of the same kind that follow each other closely are one. */
  kind: string | null;
  at: number;
}

export const STEPS_MAX = 100;
/** Somebody who pauses this long begins a new step (milliseconds). */
const PAUSE = 900;

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

  /** Adds a step; what had been undone is gone by it. */
  push(moment: Moment, label: string, at: number, kind: string | null = null): void {
    const now = this.#steps[this.#at] as Step;
    if (moment.text === now.text && moment.moved === now.moved) return;
    this.#steps.length = this.#at + 1;
    if (kind !== null && now.kind === kind && at - now.at < PAUSE && this.#at > 0) {
      this.#steps[this.#at] = { ...moment, label, kind, at };
      return;
    }
    this.#steps.push({ ...moment, label, kind, at });
    if (this.#steps.length > STEPS_MAX + 1) this.#steps.shift();
    this.#at = this.#steps.length - 1;
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
