/** What each actor did in the last minutes, kept in this browser only: so many samples of so many actors, and no more. */
import type { Reading } from './tree';

export const SAMPLES = 90;
const ACTORS_MAX = 4_000;

export interface Past {
  mailbox: (number | null)[];
  rate: (number | null)[];
}

const NOTHING: Past = { mailbox: [], rate: [] };

export class History {
  #past = new Map<string, Past>();

  /** Adds a reading, and forgets who is gone. */
  add(reading: Reading): void {
    for (const path of this.#past.keys()) if (!reading.byPath.has(path)) this.#past.delete(path);
    for (const actor of reading.all) {
      const past = this.#past.get(actor.path);
      if (!past && this.#past.size >= ACTORS_MAX) continue;
      // New lists each time: what shows them sees by that that they have changed.
      const { mailbox, rate } = past ?? NOTHING;
      this.#past.set(actor.path, { mailbox: longer(mailbox, actor.mailbox), rate: longer(rate, actor.rate) });
    }
  }

  of(path: string): Past {
    return this.#past.get(path) ?? NOTHING;
  }

  get size(): number {
    return this.#past.size;
  }
}

function longer(list: (number | null)[], value: number | null): (number | null)[] {
  return [...list.slice(1 - SAMPLES), value];
}
