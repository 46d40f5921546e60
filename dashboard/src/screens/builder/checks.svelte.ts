/** What the daemon says of a text that is edited: whether it compiles, what is wrong with it, and its plan. */
import { ApiError } from '$lib/api/problem';
import { check, type Plan } from './definitions';
import { placed, type Placed } from './model/place';

/** After so long without another change it is asked (milliseconds). */
const CHECK_AFTER = 350;

export class Checks {
  problems = $state.raw<Placed[]>([]);
  plan = $state.raw<Plan | null>(null);
  /** `unreached`: the daemon could not be asked. */
  state = $state<'checking' | 'valid' | 'invalid' | 'unreached'>('checking');

  #timer: ReturnType<typeof setTimeout> | undefined;
  #asked: AbortController | null = null;

  constructor(
    /** What stands there now, and the steps of it. */
    readonly of: () => { text: string; ids: string[] },
  ) {}

  soon(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#ask(), CHECK_AFTER);
  }

  now(): void {
    clearTimeout(this.#timer);
    void this.#ask();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#asked?.abort();
  }

  async #ask(): Promise<void> {
    this.#asked?.abort();
    const asked = new AbortController();
    this.#asked = asked;
    const { text } = this.of();
    if (text.trim() === '') {
      this.problems = [];
      this.plan = null;
      this.state = 'invalid';
      return;
    }
    try {
      const { valid, diagnostics, plan } = await check(text, asked.signal);
      const now = this.of();
      if (asked.signal.aborted || text !== now.text) return;
      this.problems = placed(diagnostics, text, now.ids);
      this.plan = plan;
      this.state = valid ? 'valid' : 'invalid';
    } catch (error) {
      if (asked.signal.aborted) return;
      this.state = 'unreached';
      if (error instanceof ApiError && error.problem.diagnostics) {
        this.problems = placed(error.problem.diagnostics, text, []);
        this.state = 'invalid';
      }
    }
  }
}
