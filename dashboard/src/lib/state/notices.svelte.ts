/** What pops up, and the list behind the bell that keeps it. */
import { settings, type NoticeKind } from './settings.svelte';

export interface Notice {
  id: number;
  tone: 'info' | 'good' | 'bad' | 'ask';
  title: string;
  text?: string;
  href?: string;
  at: Date;
  read: boolean;
  /** A way back from what was just done. */
  undo?: () => void;
}

/** The list keeps so many. */
const KEPT = 100;
/** On the screen at the same time. */
const SHOWN = 4;
const SHOWN_FOR = 6_000;

class Notices {
  list = $state<Notice[]>([]);
  shown = $state<Notice[]>([]);
  #next = 1;

  get unread(): number {
    return this.list.filter((notice) => !notice.read).length;
  }

  /** Something happened: kept, and shown if the person chose that. */
  tell(kind: NoticeKind, notice: Omit<Notice, 'id' | 'at' | 'read'>, at = new Date()): void {
    const kept = this.#keep({ ...notice, at });
    if (settings.all.toasts[kind] && !settings.isQuiet(at)) this.#show(kept);
  }

  /** An answer to what the person at this screen has just done: always shown, never kept. */
  say(notice: Omit<Notice, 'id' | 'at' | 'read'>): void {
    this.#show({ ...notice, id: this.#next++, at: new Date(), read: true });
  }

  /** What went wrong with something the person did. */
  failed(what: string, error: unknown): void {
    const text = error instanceof Error ? error.message : String(error);
    this.say({ tone: 'bad', title: what, text });
  }

  dismiss(id: number): void {
    this.shown = this.shown.filter((notice) => notice.id !== id);
  }

  readAll(): void {
    this.list.forEach((notice) => (notice.read = true));
  }

  clear(): void {
    this.list = [];
  }

  #keep(notice: Omit<Notice, 'id' | 'read'>): Notice {
    const kept = { ...notice, id: this.#next++, read: false };
    this.list = [kept, ...this.list].slice(0, KEPT);
    return kept;
  }

  #show(notice: Notice): void {
    this.shown = [...this.shown, notice].slice(-SHOWN);
    // What asks or went wrong stays until somebody has seen it.
    if (notice.tone === 'info' || notice.tone === 'good') {
      setTimeout(() => this.dismiss(notice.id), notice.undo ? SHOWN_FOR * 1.5 : SHOWN_FOR);
    }
  }
}

export const notices = new Notices();
