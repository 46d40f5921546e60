/**
 * What pops up, and the list behind the bell that keeps it, also over a reload. What pops up goes by itself after a while; the while
 * stands still as long as somebody points at it, is in it with the keyboard, or does not look at the page at all.
 */
import { count } from '$lib/format';
import { keepNotices, keptNotices } from './bell';
import { settings, type NoticeKind } from './settings.svelte';

export interface Notice {
  id: number;
  tone: 'info' | 'good' | 'bad' | 'ask';
  title: string;
  text?: string;
  href?: string;
  at: Date;
  read: boolean;
  /** What it is about: once that is settled elsewhere nobody has to be told any more. */
  about?: string;
  /** What failed together, a run with its steps and with the runs that they started, is one notice: the weightiest gives it its words. */
  family?: { key: string; weight: number };
  /** So many failures of its family it stands for, and the least weight among them. */
  times?: number;
  least?: number;
  /** A way back from what was just done. */
  undo?: () => void;
}
type Said = Omit<Notice, 'id' | 'at' | 'read' | 'times' | 'least'>;

export interface Shown extends Notice {
  kind?: NoticeKind;
  /** How many it stands for. */
  many: number;
  /** Those that it stands for, as far as they have one. */
  families: string[];
}

/** The list keeps so many. */
const KEPT = 100;
/** On the screen at the same time. */
const SHOWN = 4;
/** So many of one kind stand on the screen by themselves; with one more they become one. */
const APART = 2;
const SHOWN_FOR = { info: 6_000, good: 6_000, bad: 14_000, ask: 14_000 };
/** A way back is offered for longer. */
const UNDO_FOR = 10_000;
/** What comes later is another failure of the same family. */
const TOGETHER_FOR = 10_000;
/** Whoever has just looked away from it has a moment left. */
const LEAST_LEFT = 2_500;

const TOGETHER: Record<NoticeKind, { title: (n: string) => string; href?: string }> = {
  needs_you: { title: (n) => `${n} questions need an answer`, href: '/needs-you' },
  run_failed: { title: (n) => `${n} runs failed`, href: '/runs?status=failed' },
  run_completed: { title: (n) => `${n} runs completed`, href: '/runs?status=completed' },
  step_completed: { title: (n) => `${n} steps completed` },
  step_failed: { title: (n) => `${n} steps failed or are tried again` },
};

type Hold = 'pointer' | 'focus' | 'away';

class Notices {
  #next = 1;
  list = $state<Notice[]>(keptNotices().map((one) => ({ ...one, id: this.#next++ })));
  shown = $state<Shown[]>([]);
  #holds = new Set<Hold>();
  #times = new Map<
    number,
    { left: number; since: number; timer: ReturnType<typeof setTimeout> | undefined }
  >();

  constructor() {
    const look = () => this.hold('away', document.visibilityState === 'hidden');
    document.addEventListener('visibilitychange', look);
    look();
  }

  get unread(): number {
    return this.list.filter((notice) => !notice.read).length;
  }

  /** Something happened: kept, and shown if the person chose that. */
  tell(kind: NoticeKind, notice: Said, at = new Date()): void {
    const kept = this.#joined(notice, at) ?? this.#keep({ ...notice, at });
    const families = kept.family ? [kept.family.key] : [];
    if (settings.all.toasts[kind] && !settings.isQuiet(at)) this.#show({ ...kept, kind, many: 1, families });
  }

  /** An answer to what the person at this screen has just done: always shown. It is kept if it went wrong. */
  say(notice: Said): void {
    const at = new Date();
    const one =
      notice.tone === 'bad' ? this.#keep({ ...notice, at }) : { ...notice, id: this.#next++, at, read: true };
    this.#show({ ...one, many: 1, families: [] });
  }

  /** What went wrong with something the person did. */
  failed(what: string, error: unknown): void {
    const text = error instanceof Error ? error.message : String(error);
    this.say({ tone: 'bad', title: what, text });
  }

  dismiss(id: number): void {
    clearTimeout(this.#times.get(id)?.timer);
    this.#times.delete(id);
    this.shown = this.shown.filter((notice) => notice.id !== id);
    // What is gone is neither pointed at nor focused, and not every browser says so.
    if (this.shown.length === 0) {
      this.#holds.delete('pointer');
      this.#holds.delete('focus');
    }
  }

  /** What it was about was done, here or elsewhere. */
  settle(about: string): void {
    const asked = this.list.filter((notice) => notice.about === about && !notice.read);
    asked.forEach((notice) => (notice.read = true));
    if (asked.length > 0) keepNotices(this.list);
    this.shown.filter((one) => one.about === about && one.many === 1).forEach((one) => this.dismiss(one.id));
  }

  /** As long as anything holds them, none goes. */
  hold(why: Hold, on: boolean): void {
    const before = this.#holds.size;
    if (on) this.#holds.add(why);
    else this.#holds.delete(why);
    if (before === 0 && on) this.#stand();
    else if (before > 0 && this.#holds.size === 0) this.#times.forEach((_, id) => this.#run(id));
  }

  readAll(): void {
    if (this.unread === 0) return;
    this.list.forEach((notice) => (notice.read = true));
    keepNotices(this.list);
  }

  clear(): void {
    this.list = [];
    keepNotices([]);
  }

  #keep(notice: Omit<Notice, 'id' | 'read'>): Notice {
    const kept = { ...notice, id: this.#next++, read: false };
    this.list = [kept, ...this.list].slice(0, KEPT);
    keepNotices(this.list);
    return kept;
  }

  /** The notice of its family that was told just now, with this one in it. */
  #joined(notice: Said, at: Date): Notice | undefined {
    const { family } = notice;
    if (!family) return undefined;
    const known = this.list.find((one) => one.family?.key === family.key);
    if (!known?.family || at.getTime() - known.at.getTime() > TOGETHER_FOR) return undefined;
    const face = family.weight >= known.family.weight ? notice : known;
    const [least, before] = [known.least ?? known.family.weight, known.times ?? 1];
    // What fails because of another failure is none of its own: those at the bottom count.
    const times = family.weight > least ? before : family.weight === least ? before + 1 : 1;
    const joined: Notice = {
      ...face,
      id: known.id,
      at,
      read: false,
      times,
      least: Math.min(least, family.weight),
    };
    this.list = [joined, ...this.list.filter((one) => one.id !== known.id)];
    keepNotices(this.list);
    return joined;
  }

  #show(notice: Shown): void {
    const own = this.shown.find((one) => one.families.some((key) => notice.families.includes(key)));
    if (own) {
      // It is counted there already, or somebody points at it.
      if (own.many > 1 || this.#isTouched) return;
      this.dismiss(own.id);
    }
    const alike = this.shown.filter((one) => one.kind !== undefined && one.kind === notice.kind);
    // What somebody points at or is in does not change under them.
    const isOne = !this.#isTouched && (alike.length >= APART || alike.some((one) => one.many > 1));
    if (isOne) alike.forEach((one) => this.dismiss(one.id));
    const next = isOne ? together(notice, alike) : notice;
    const tooMany = this.shown.slice(0, Math.max(0, this.shown.length + 1 - SHOWN));
    tooMany.forEach((one) => this.dismiss(one.id));
    this.shown = [...this.shown, next];
    const left = next.undo ? UNDO_FOR : SHOWN_FOR[next.tone];
    this.#times.set(next.id, { left, since: 0, timer: undefined });
    if (this.#holds.size === 0) this.#run(next.id, 0);
  }

  get #isTouched(): boolean {
    return this.#holds.has('pointer') || this.#holds.has('focus');
  }

  #run(id: number, least = LEAST_LEFT): void {
    const time = this.#times.get(id);
    if (!time) return;
    time.left = Math.max(time.left, least);
    time.since = Date.now();
    time.timer = setTimeout(() => this.dismiss(id), time.left);
  }

  #stand(): void {
    for (const time of this.#times.values()) {
      clearTimeout(time.timer);
      time.left -= Date.now() - time.since;
    }
  }
}

/** The newest stands for all of them. */
function together(newest: Shown, others: Shown[]): Shown {
  const said = newest.kind && TOGETHER[newest.kind];
  if (!said) return newest;
  const many = others.reduce((sum, one) => sum + one.many, newest.many);
  const { about: _, times: __, least: ___, ...rest } = newest;
  return {
    ...rest,
    many,
    families: [newest, ...others].flatMap((one) => one.families),
    title: said.title(count(many)),
    text: `The latest: ${newest.title}${newest.text ? `, ${newest.text}` : ''}`,
    ...(said.href ? { href: said.href } : {}),
  };
}

/** Its text, with how many failures it stands for. */
export function textOf({ text, times = 1 }: Notice): string | undefined {
  if (times < 2) return text;
  const said = `${count(times)} failures in all`;
  return text ? `${text} · ${said}` : said;
}

export const notices = new Notices();
