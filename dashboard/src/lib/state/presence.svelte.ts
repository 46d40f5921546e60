/**
 * Who else is here: everybody whose browser says that it shows the same view (`runs/<id>`, `workflows/<name>/edit`). One says it over a
 * feed, and is seen for as long as that connection lives; a connection is on one view at a time. Names prove nothing: they are what
 * people call themselves. A daemon that knows no presence leaves the list empty.
 */
import type { Live } from '$lib/feed/decode';
import { personFirst } from '$lib/people';
import { settings } from './settings.svelte';

export type Doing = 'viewing' | 'editing';

export interface Person {
  /** Stands for the connection: who has two windows open is there twice. */
  id: string;
  name: string | null;
  /** Who it is to the daemon: `local` or `token:<id>`. */
  subject: string;
  since: string;
  state: Doing;
}

/** The feed it goes over; [[pulse]] is one. */
export interface Way {
  say(key: string, message: unknown): void;
  unsay(key: string): void;
  listenLive(listener: (events: Live[]) => void): () => void;
}

const KEY = 'presence';
/** The longest name that the daemon takes. */
const NAME_MAX = 60;

/** Which view each way is on: somebody who leaves later must not take back what the next one has said. */
const said = new WeakMap<Way, Presence>();

export class Presence {
  /** Everybody but this window, in the order in which they came. */
  others = $state.raw<readonly Person[]>([]);
  /** How many others there are; the daemon names the first 200. */
  count = $state(0);

  #way: Way;
  #view: string;
  #stop: (() => void) | undefined;

  constructor(way: Way, view: string) {
    this.#way = way;
    this.#view = view;
  }

  get isEdited(): boolean {
    return this.others.some((person) => person.state === 'editing');
  }

  /** Is here from now on, doing this; can be said again when that changes. */
  say(state: Doing, name = settings.all.name): void {
    this.#stop ??= this.#way.listenLive((events) => events.forEach((event) => this.#hear(event)));
    said.set(this.#way, this);
    const called = nameFrom(name);
    this.#way.say(KEY, { presence: { view: this.#view, state, ...(called && { name: called }) } });
  }

  leave(): void {
    this.#stop?.();
    this.#stop = undefined;
    this.others = [];
    this.count = 0;
    if (said.get(this.#way) !== this) return;
    said.delete(this.#way);
    this.#way.say(KEY, { presence: {} });
    this.#way.unsay(KEY);
  }

  #hear(event: Live): void {
    if (event.type !== 'presence.changed' || event.data.view !== this.#view) return;
    const people = (Array.isArray(event.data.people) ? event.data.people : []) as Person[];
    this.others = people.filter((person) => person.id !== event.you);
    const isAmong = people.length > this.others.length;
    this.count = Math.max(Number(event.data.count ?? people.length) - (isAmong ? 1 : 0), this.others.length);
  }
}

/** The name as the daemon takes it: one line of so many characters; empty when there is none. */
function nameFrom(text: string): string {
  const clean = text.replace(/[\p{C}\s]+/gu, ' ').trim();
  return [...clean].slice(0, NAME_MAX).join('').trim();
}

/** How somebody is called on the screen. */
export function callOf(person: Person): string {
  return person.name || personFirst(person.subject);
}

/** One or two letters that stand for them. */
export function initialsOf(person: Person): string {
  const words = (person.name ?? '').split(/\s+/).filter(Boolean);
  const letters = (words.length > 1 ? [words[0], words.at(-1)] : words).map(
    (word) => [...(word ?? '')][0] ?? '',
  );
  return letters.join('').toUpperCase() || '?';
}
