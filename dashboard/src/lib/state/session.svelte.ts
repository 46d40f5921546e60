/**
 * Who one is. Where the daemon asks for tokens, one logs in with one once: it becomes a cookie that scripts cannot read, and every
 * change carries a word (`csrf`) that other sites do not know. On a daemon without tokens there is nothing to log in to.
 */
import { api, csrf, data } from '$lib/api/client';
import { ApiError } from '$lib/api/problem';
import { notices } from './notices.svelte';

export interface Who {
  subject: string;
  role?: string | null;
  /** What its token is called. */
  label?: string | null;
  /** When one has to log in again. */
  expires_at?: string | null;
  csrf?: string | null;
  login: boolean;
}

/** `asking` until the daemon has answered; the shell is shown meanwhile only when it has been before. */
type State = 'asking' | 'in' | 'out';

class Session {
  state = $state<State>('asking');
  who = $state.raw<Who | null>(null);
  /** It was ended by somebody or something else than the person who is here. */
  ended = $state(false);

  async ask(): Promise<void> {
    try {
      this.#in(await this.#get());
    } catch (error) {
      // A daemon that does not answer is told by the shell, which goes on trying.
      const isOut = error instanceof ApiError && error.status === 401;
      this.state = isOut ? 'out' : 'in';
      // What was told here before is nobody's by now.
      if (isOut) notices.clear();
    }
  }

  /** Whether one is still let in, or let in by now; nothing is said of a daemon that does not answer. */
  async check(): Promise<void> {
    try {
      this.#in(await this.#get());
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) {
        this.ended ||= this.state === 'in';
        this.state = 'out';
      }
    }
  }

  /** Logs in with an access token. Throws what the daemon says against it. */
  async login(token: string): Promise<void> {
    this.#in((await data(api.POST('/api/v1/session', { body: { token } }))) as Who);
  }

  async logout(): Promise<void> {
    await api.DELETE('/api/v1/session');
    csrf.token = null;
    notices.clear();
    this.who = null;
    this.ended = false;
    this.state = 'out';
  }

  async #get(): Promise<Who> {
    return (await data(api.GET('/api/v1/session'))) as Who;
  }

  #in(who: Who): void {
    if (this.who && this.who.subject !== who.subject) notices.clear();
    this.who = who;
    csrf.token = who.csrf ?? null;
    this.ended = false;
    this.state = 'in';
  }
}

export const session = new Session();
