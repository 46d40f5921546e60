import { beforeEach, describe, expect, it } from 'vitest';
import type { Live } from '$lib/feed/decode';
import { Presence, callOf, initialsOf, type Person, type Way } from './presence.svelte';

class FakeWay implements Way {
  said: unknown[] = [];
  kept = new Map<string, unknown>();
  listeners = new Set<(events: Live[]) => void>();

  say(key: string, message: unknown) {
    this.said.push(message);
    this.kept.set(key, message);
  }
  unsay(key: string) {
    this.kept.delete(key);
  }
  listenLive(listener: (events: Live[]) => void) {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
  tell(view: string, people: Person[], you: string, count = people.length) {
    const event: Live = {
      kind: 'live',
      type: 'presence.changed',
      subject: { text: view },
      time: new Date(),
      data: { view, count, people },
      you,
    };
    this.listeners.forEach((listener) => listener([event]));
  }
}

function person(id: string, name: string | null = id, more: Partial<Person> = {}): Person {
  return { id, name, subject: 'local', since: '2026-11-20T12:00:00Z', state: 'viewing', ...more };
}

let way: FakeWay;
beforeEach(() => (way = new FakeWay()));

describe('presence', () => {
  it('says what is looked at, what is done and under which name', () => {
    new Presence(way, 'runs/r1').say('viewing', 'Ada');
    expect(way.said).toEqual([{ presence: { view: 'runs/r1', state: 'viewing', name: 'Ada' } }]);
  });

  it('says no name rather than one that the daemon would refuse', () => {
    const here = new Presence(way, 'runs/r1');
    here.say('viewing', '  \n\t ');
    here.say('viewing', ` ${'a'.repeat(80)}\u0000 `);
    expect(way.said).toEqual([
      { presence: { view: 'runs/r1', state: 'viewing' } },
      { presence: { view: 'runs/r1', state: 'viewing', name: 'a'.repeat(60) } },
    ]);
  });

  it('shows the others, and not this window', () => {
    const here = new Presence(way, 'runs/r1');
    here.say('viewing', '');
    way.tell('runs/r1', [person('me'), person('bob', 'Bob', { state: 'editing' })], 'me');
    expect(here.others.map((other) => other.name)).toEqual(['Bob']);
    expect([here.count, here.isEdited]).toEqual([1, true]);
    way.tell('runs/r1', [person('me')], 'me');
    expect([here.others, here.count, here.isEdited]).toEqual([[], 0, false]);
  });

  it('counts those who are not named', () => {
    const here = new Presence(way, 'runs');
    here.say('viewing', '');
    way.tell('runs', [person('me'), person('a'), person('b')], 'me', 500);
    expect(here.count).toBe(499);
  });

  it('does not hear of other views', () => {
    const here = new Presence(way, 'runs/r1');
    here.say('viewing', '');
    way.tell('runs/r2', [person('bob')], 'me');
    expect(here.others).toEqual([]);
  });

  it('ends when one leaves', () => {
    const here = new Presence(way, 'runs/r1');
    here.say('viewing', '');
    here.leave();
    expect(way.said.at(-1)).toEqual({ presence: {} });
    expect(way.kept.size).toBe(0);
    expect(way.listeners.size).toBe(0);
  });

  it('of the next view is not taken back by leaving the one before', () => {
    const [first, second] = [new Presence(way, 'runs/r1'), new Presence(way, 'runs/r2')];
    first.say('viewing', '');
    second.say('viewing', '');
    first.leave();
    expect(way.said.at(-1)).toEqual({ presence: { view: 'runs/r2', state: 'viewing' } });
    expect(way.kept.size).toBe(1);
  });
});

describe('people', () => {
  it('have initials', () => {
    const initials = ['Ada Lovelace', 'bob', 'Jean-Luc  van der Berg', '', '😀 x'].map((name) =>
      initialsOf(person('1', name)),
    );
    expect(initials).toEqual(['AL', 'B', 'JB', '?', '😀X']);
  });

  it('without a name are called by who they are to the daemon', () => {
    expect(callOf(person('1', null))).toBe('The local user');
    expect(callOf(person('1', null, { subject: 'token:ci' }))).toBe('Token …ci');
  });
});
