/**
 * The events of a run, of which only what somebody looks at is fetched. They are asked for by global sequence and shown by their
 * place in the run, so that a place far from all that is known is searched for: between two known places the sequences of others are
 * guessed, and each answer makes the guess better.
 */

export interface Recorded {
  /** Place in the run, from 1. */
  place: number;
  sequence: bigint;
  type: string;
  time: string;
  data: Record<string, unknown>;
}

/** The next events after a sequence, oldest first, at most `limit`. */
export type Fetch = (after: bigint, limit: number) => Promise<Recorded[]>;

export const PAGE = 500;
/** So many events stay in memory; the ones that were looked at longest ago go. */
const KEPT_MAX = 20_000;
/** So often it is guessed before it is walked. */
const GUESSES = 8;

export class EventLog {
  /** How many there are. */
  total = 0;
  #fetch: Fetch;
  #kept = new Map<number, Recorded>();
  /** Known places and their sequences, sparse: one for each page, and the ends. */
  #anchors: { place: number; sequence: bigint }[] = [{ place: 0, sequence: 0n }];

  constructor(fetch: Fetch) {
    this.#fetch = fetch;
  }

  get(place: number): Recorded | undefined {
    return this.#kept.get(place);
  }

  /** What the feed has brought. Answers whether something is missing between it and what was known. */
  add(events: Recorded[]): void {
    for (const event of events) {
      this.#kept.set(event.place, event);
      this.total = Math.max(this.total, event.place);
    }
    const last = events.at(-1);
    if (last) this.#anchor(last);
    const first = events[0];
    if (first) this.#anchor(first);
    this.#trim(last?.place ?? 0);
  }

  /** Finds the last event, whose sequence is known from the run. */
  async begin(last: bigint): Promise<void> {
    const found = await this.#fetch(last > 0n ? last - 1n : 0n, 1);
    this.add(found);
  }

  /** Fetches what is not there of `from` to `to`. */
  async ensure(from: number, to: number): Promise<void> {
    const end = Math.min(to, this.total);
    for (let place = Math.max(1, from); place <= end; place += 1) {
      if (!this.#kept.has(place)) await this.#reach(place, end);
    }
  }

  async #reach(place: number, to: number): Promise<void> {
    for (let guess = 0; guess < GUESSES; guess += 1) {
      const below = this.#below(place);
      const near = place - below.place <= PAGE;
      const page = await this.#read(near ? below.sequence : this.#guess(place, below), PAGE);
      if (this.#kept.has(place)) return;
      if (page.length === 0 && near) return;
    }
    // Sequences that lie very unevenly: from the nearest known place page by page.
    for (let below = this.#below(place); below.place < Math.min(place, to); below = this.#below(place)) {
      const page = await this.#read(below.sequence, 1000);
      if (this.#kept.has(place) || page.length === 0) return;
    }
  }

  async #read(after: bigint, limit: number): Promise<Recorded[]> {
    const page = await this.#fetch(after, limit);
    this.add(page);
    return page;
  }

  #below(place: number): { place: number; sequence: bigint } {
    let [low, high] = [0, this.#anchors.length - 1];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.#anchors[middle]?.place ?? Infinity) < place) low = middle;
      else high = middle - 1;
    }
    return this.#anchors[low] ?? { place: 0, sequence: 0n };
  }

  /** A sequence that is likely a little before the place, which a page then covers. */
  #guess(place: number, below: { place: number; sequence: bigint }): bigint {
    const above = this.#anchors.find((anchor) => anchor.place >= place);
    if (!above) return below.sequence;
    const aimed = Math.max(below.place + 1, place - PAGE / 4);
    const share = (aimed - below.place) / (above.place - below.place);
    const span = Number(above.sequence - below.sequence);
    return below.sequence + BigInt(Math.floor(span * share));
  }

  #anchor({ place, sequence }: { place: number; sequence: bigint }): void {
    const at = this.#anchors.findIndex((anchor) => anchor.place >= place);
    if (at < 0) this.#anchors.push({ place, sequence });
    else if (this.#anchors[at]?.place !== place) this.#anchors.splice(at, 0, { place, sequence });
  }

  #trim(near: number): void {
    if (this.#kept.size <= KEPT_MAX) return;
    // Far from what was looked at last goes first.
    const places = [...this.#kept.keys()].sort((a, b) => Math.abs(b - near) - Math.abs(a - near));
    for (const place of places.slice(0, this.#kept.size - KEPT_MAX + PAGE * 2)) this.#kept.delete(place);
  }
}

/** What is looked for among events: words that all have to be there, `type:step.*` and `step:each.2` among them. */
export function filterOf(text: string): ((event: Recorded) => boolean) | null {
  const words = text.trim().toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return null;
  const tests = words.map((word) => {
    const [, name, value = ''] = /^(type|step):(.*)$/.exec(word) ?? [];
    if (name === 'type') {
      const pattern = new RegExp(`^${value.split('*').map(escape).join('.*')}`);
      return (event: Recorded) => pattern.test(event.type);
    }
    if (name === 'step') {
      return (event: Recorded) => {
        const step = String(event.data.step ?? '').toLowerCase();
        return step === value || step.startsWith(`${value}.`);
      };
    }
    return (event: Recorded) =>
      event.type.includes(word) || JSON.stringify(event.data).toLowerCase().includes(word);
  });
  return (event) => tests.every((test) => test(event));
}

function escape(text: string): string {
  return text.replace(/[.+?^${}()|[\]\\]/g, '\\$&');
}
