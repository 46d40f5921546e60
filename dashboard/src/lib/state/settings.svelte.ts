/** What a person has chosen in this browser: it stays here, and is no part of the URL. */

export type Theme = 'system' | 'light' | 'dark';
export type Zone = 'local' | 'utc';
/** What is told by a toast. All of it is kept in the list behind the bell, chosen or not. */
export const NOTICE_KINDS = {
  needs_you: 'Somebody is asked',
  run_failed: 'A run fails',
  run_completed: 'A run completes',
  step_completed: 'A step completes (on the run that is open)',
  step_failed: 'A step fails or is retried',
} as const;
export type NoticeKind = keyof typeof NOTICE_KINDS;

interface Chosen {
  theme: Theme;
  zone: Zone;
  name: string;
  toasts: Record<NoticeKind, boolean>;
  /** `[from, to]` in minutes of the day, in which nothing pops up. */
  quiet: [number, number] | null;
}

const KEY = 'ghostlight.settings';
const usual: Chosen = {
  theme: 'system',
  zone: 'local',
  name: '',
  toasts: {
    needs_you: true,
    run_failed: true,
    run_completed: false,
    step_completed: false,
    step_failed: true,
  },
  quiet: null,
};

function stored(): Chosen {
  try {
    const found = JSON.parse(localStorage.getItem(KEY) ?? '{}') as Partial<Chosen>;
    return { ...usual, ...found, toasts: { ...usual.toasts, ...found.toasts } };
  } catch {
    return usual;
  }
}

class Settings {
  #chosen = $state<Chosen>(stored());
  #dark = $state(matchMedia('(prefers-color-scheme: dark)').matches);

  constructor() {
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', (now) => {
      this.#dark = now.matches;
      this.apply();
    });
    // Another tab of this browser has changed them.
    addEventListener('storage', (change) => {
      if (change.key !== KEY) return;
      this.#chosen = stored();
      this.apply();
    });
  }

  get all(): Readonly<Chosen> {
    return this.#chosen;
  }

  get zone(): Zone {
    return this.#chosen.zone;
  }

  get isDark(): boolean {
    return this.#chosen.theme === 'system' ? this.#dark : this.#chosen.theme === 'dark';
  }

  set(change: Partial<Chosen>): void {
    Object.assign(this.#chosen, change);
    try {
      localStorage.setItem(KEY, JSON.stringify(this.#chosen));
    } catch {
      // A browser that stores nothing: it holds until the page is left.
    }
    this.apply();
  }

  apply(): void {
    document.documentElement.dataset.theme = this.isDark ? 'dark' : 'light';
  }

  isQuiet(at: Date): boolean {
    if (!this.#chosen.quiet) return false;
    const [from, to] = this.#chosen.quiet;
    const minute = at.getHours() * 60 + at.getMinutes();
    return from <= to ? minute >= from && minute < to : minute >= from || minute < to;
  }
}

export const settings = new Settings();
