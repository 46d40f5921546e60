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
      let past = this.#past.get(actor.path);
      if (!past) {
        if (this.#past.size >= ACTORS_MAX) continue;
        past = { mailbox: [], rate: [] };
        this.#past.set(actor.path, past);
      }
      push(past.mailbox, actor.mailbox);
      push(past.rate, actor.rate);
    }
  }

  of(path: string): Past {
    return this.#past.get(path) ?? NOTHING;
  }

  get size(): number {
    return this.#past.size;
  }
}

function push(list: (number | null)[], value: number | null): void {
  list.push(value);
  if (list.length > SAMPLES) list.shift();
}
