/** How ready the daemon is, and what is to be said about it. */
import type { Readiness } from '$lib/api/readiness';
import { bytes, plural } from '$lib/format';
import type { Tone } from '$lib/status';

export interface Check {
  name: string;
  tone: Tone;
  word: string;
  text: string;
}

/** What an operator looks at first, the worst first. */
export function checks(ready: Readiness): Check[] {
  const { journal, storage, slots, damage } = ready;
  const all: Check[] = [
    ready.ready
      ? { name: 'Daemon', tone: 'green', word: 'Ready', text: 'It takes requests.' }
      : {
          name: 'Daemon',
          tone: 'red',
          word: ready.draining ? 'Going down' : 'Not ready',
          text: 'It takes no new work.',
        },
    journal.available
      ? {
          name: 'Journal',
          tone: journal.queued > 1000 ? 'amber' : 'green',
          word: 'Available',
          text: `${plural(journal.queued, 'append')} waiting`,
        }
      : {
          name: 'Journal',
          tone: 'red',
          word: 'Not available',
          text: 'Nothing is written; all commands are refused.',
        },
    storageCheck(storage),
    viewsCheck(ready),
    {
      name: 'Slots',
      tone: slots.waiting > 0 ? 'amber' : 'green',
      word: `${slots.used} of ${slots.total}`,
      text: slots.waiting > 0 ? `${plural(slots.waiting, 'run')} in line` : 'Nobody waits for one.',
    },
    damage.places === 0
      ? {
          name: 'Damage',
          tone: 'green',
          word: 'None found',
          text: 'Everything that was read of the journal since the daemon started was in order.',
        }
      : {
          name: 'Damage',
          tone: 'red',
          word: damage.more ? `More than ${damage.places} places` : plural(damage.places, 'place'),
          text: 'The runs that it hits are set aside; all others go on.',
        },
  ];
  const order: Tone[] = ['red', 'amber', 'violet', 'blue', 'grey', 'green'];
  return all.toSorted((a, b) => order.indexOf(a.tone) - order.indexOf(b.tone));
}

function storageCheck(storage: Readiness['storage']): Check {
  const text = `${bytes(storage.free_bytes)} free`;
  const looks: Record<string, [Tone, string]> = {
    plenty: ['green', 'Plenty'],
    low: ['amber', 'Low'],
    short: ['red', 'Short'],
    full: ['red', 'Full'],
  };
  const [tone, word] = looks[storage.level] ?? ['grey', storage.level];
  return { name: 'Disk', tone, word, text };
}

function viewsCheck(ready: Readiness): Check {
  const views = Object.entries(ready.views);
  const away = views.filter(([, view]) => view.state !== 'live').map(([name]) => name);
  const behind = Math.max(0, ...views.map(([, view]) => lagOf(ready, view.cursor)));
  if (away.length > 0)
    return {
      name: 'Lists',
      tone: 'amber',
      word: 'Not all live',
      text: `${away.join(', ')}; runs go on without`,
    };
  return {
    name: 'Lists',
    tone: behind > 10_000 ? 'amber' : 'green',
    word: 'Live',
    text: `at most ${plural(behind, 'event')} behind`,
  };
}

/** How many events a list has not seen yet. */
export function lagOf(ready: Readiness, cursor: string): number {
  const lag = Number(BigInt(ready.journal.head) - BigInt(cursor));
  return Math.max(0, lag);
}
