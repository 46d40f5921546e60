/**
 * One connection to a feed, which keeps itself alive: it connects, resumes after the last sequence that it saw, drops what it has
 * seen already, and says whether what is on the screen is `live`. Nothing here polls; while the way is cut it tries again, each time
 * after a longer while and with some chance, so that a daemon that comes back is not stormed.
 */
import { decode, type FeedEvent, type Live, type Recorded } from './decode';

/** `stale`: what is shown may be behind, because the connection was lost and is not back. */
export type FeedState = 'idle' | 'connecting' | 'live' | 'stale';

export interface FeedOptions {
  /** `/api/v1/feed` or `/api/v1/runs/{id}/feed`. */
  path: string;
  /** Type patterns, `run.*,step.*`; everything when left out. */
  types?: string;
  workflow?: string;
  label?: string;
  /** Also progress and tokens. */
  live?: boolean;
  /** Begin after this sequence. Without it a run's feed begins at its beginning, the feed of all at its head. */
  after?: bigint;
  onRecorded?: (events: Recorded[]) => void;
  onLive?: (events: Live[]) => void;
  /** What was read before has to be read anew: the log is another one, or there is a hole that the feed cannot fill. */
  onReset?: () => void;
  /** A connection was lost or refused, and is tried again after a while. A browser does not tell why. */
  onLost?: () => void;
  /** It is live again after it was not. */
  onBack?: () => void;
  /** Events are handed over together, at most so often (milliseconds). */
  coalesce?: number;
}

const FIRST_WAIT = 300;
const LONGEST_WAIT = 10_000;
/** A connection that lived for this long was a good one: the next try is soon again. */
const GOOD = 5_000;
/**
 * After this long without a word the server is asked for one. Its own pings are no help here: the browser answers them and tells nobody,
 * and a way that was cut in silence is noticed only by using it.
 */
const SILENCE = 25_000;
/** For so long an answer, or a connection, is waited for. */
const PATIENCE = 10_000;
/** When somebody looks again: the machine may have slept, and the way be cut although nobody has noticed. */
const PATIENCE_AWAKE = 4_000;
/** A connection that has been in the making for longer was perhaps begun when there was no way. */
const FRESH = 2_000;
/** Says nothing, and is answered by a `feed.error`: a sign of life from any daemon. */
const PROBE = '{}';

/** Those that are open. */
const all = new Set<Feed>();

/** Everything that is cut tries at once. */
export function tryNow(): void {
  all.forEach((feed) => feed.tryNow());
}

export class Feed {
  state = $state<FeedState>('idle');
  /** Since when it is stale. */
  staleSince = $state<number | null>(null);
  /** When it tries again; nothing while it tries. */
  retryAt = $state<number | null>(null);
  /** The last sequence that was handed over. */
  seen = $state.raw<bigint | null>(null);

  #options: FeedOptions;
  #socket: WebSocket | null = null;
  #log: string | null = null;
  #wait = FIRST_WAIT;
  #liveSince = 0;
  #begun = 0;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #silence: ReturnType<typeof setTimeout> | undefined;
  #flush: ReturnType<typeof setTimeout> | undefined;
  #recorded: Recorded[] = [];
  #live: Live[] = [];
  #outbox = new Map<string, string>();
  #closed = false;

  constructor(options: FeedOptions) {
    this.#options = options;
    this.seen = options.after ?? null;
  }

  open(): this {
    this.#closed = false;
    all.add(this);
    addEventListener('online', this.tryNow);
    document.addEventListener('visibilitychange', this.tryNow);
    addEventListener('pagehide', this.#rest);
    addEventListener('pageshow', this.#awake);
    this.#connect();
    return this;
  }

  close(): void {
    this.#closed = true;
    all.delete(this);
    removeEventListener('online', this.tryNow);
    document.removeEventListener('visibilitychange', this.tryNow);
    removeEventListener('pagehide', this.#rest);
    removeEventListener('pageshow', this.#awake);
    clearTimeout(this.#retry);
    clearTimeout(this.#silence);
    this.#handOver();
    this.#socket?.close(1000);
    this.#socket = null;
    this.retryAt = null;
    this.staleSince = null;
    this.state = 'idle';
  }

  /** Says something to the server, again after each reconnect: the last word under each `key` counts. */
  say(key: string, message: unknown): void {
    const text = JSON.stringify(message);
    this.#outbox.set(key, text);
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(text);
  }

  /** Is not said again after the next reconnect. */
  unsay(key: string): void {
    this.#outbox.delete(key);
  }

  /** A page that the browser keeps to go back to is nobody who looks: it holds no place among those who are here. */
  #rest = (): void => {
    const socket = this.#socket;
    this.#socket = null;
    clearTimeout(this.#retry);
    clearTimeout(this.#silence);
    this.state = 'stale';
    socket?.close(1000);
  };

  #awake = (shown: PageTransitionEvent): void => {
    if (shown.persisted) this.tryNow();
  };

  /** Somebody is looking again or asks for it, or the network is back: there is no reason to wait any longer. */
  tryNow = (): void => {
    if (this.#closed || document.visibilityState === 'hidden') return;
    const socket = this.#socket;
    if (socket?.readyState === WebSocket.OPEN) {
      socket.send(PROBE);
      this.#giveUpAfter(PATIENCE_AWAKE);
      return;
    }
    if (socket && Date.now() - this.#begun < FRESH) return;
    this.#socket = null;
    socket?.close();
    this.#wait = FIRST_WAIT;
    clearTimeout(this.#retry);
    this.#connect();
  };

  #connect(): void {
    this.state = this.state === 'stale' ? 'stale' : 'connecting';
    this.retryAt = null;
    this.#begun = Date.now();
    const socket = new WebSocket(this.#address());
    this.#socket = socket;
    this.#giveUpAfter(PATIENCE);
    socket.onopen = () => {
      this.#outbox.forEach((text) => socket.send(text));
      this.#heard();
    };
    socket.onmessage = (message: MessageEvent<string>) => {
      if (this.#socket !== socket) return;
      this.#heard();
      const event = decode(message.data);
      if (event) this.#take(event);
    };
    socket.onclose = () => this.#lost(socket);
    socket.onerror = () => socket.close();
  }

  #address(): string {
    const { path, types, workflow, label, live } = this.#options;
    const url = new URL(path, location.href);
    url.protocol = url.protocol.replace('http', 'ws');
    const query = { types, workflow, label, live: live ? 'true' : undefined, log: this.#log ?? undefined };
    for (const [key, value] of Object.entries(query)) if (value) url.searchParams.set(key, value);
    if (this.seen !== null) url.searchParams.set('after', String(this.seen));
    return url.href;
  }

  #heard(): void {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => {
      if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(PROBE);
      this.#giveUpAfter(PATIENCE);
    }, SILENCE);
  }

  /** Closing a connection that is dead takes the browser minutes: it counts as lost at once. */
  #giveUpAfter(wait: number): void {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => {
      const socket = this.#socket;
      if (!socket) return;
      socket.close();
      this.#lost(socket);
    }, wait);
  }

  #take(event: FeedEvent): void {
    switch (event.kind) {
      case 'hello':
        if (this.#log !== null && this.#log !== event.log) {
          this.#reset(null);
        }
        this.#log = event.log;
        // A feed of everything begins here: what happens before the first event has come must not be missed by who reconnects.
        if (this.#beginsAtHead) this.seen ??= event.head;
        this.#liveSince = Date.now();
        this.staleSince = null;
        if (this.state === 'stale') this.#options.onBack?.();
        this.state = 'live';
        return;
      case 'gap':
        this.#reset(event.to);
        return;
      case 'lagged':
        // The feed goes on from the cursor by itself.
        return;
      case 'error':
        // The answer to a probe.
        return;
      case 'closing':
        this.#socket?.close();
        return;
      case 'recorded':
        if (this.seen !== null && event.sequence <= this.seen) return;
        this.seen = event.sequence;
        this.#recorded.push(event);
        break;
      case 'live':
        this.#live.push(event);
    }
    this.#flush ??= setTimeout(() => this.#handOver(), this.#options.coalesce ?? 100);
  }

  /** What came before the hole is handed over before it is told. */
  #reset(seen: bigint | null): void {
    this.#handOver();
    this.seen = seen;
    this.#options.onReset?.();
  }

  get #beginsAtHead(): boolean {
    return !this.#options.path.includes('/runs/');
  }

  #handOver(): void {
    clearTimeout(this.#flush);
    this.#flush = undefined;
    const [recorded, live] = [this.#recorded, this.#live];
    this.#recorded = [];
    this.#live = [];
    if (recorded.length > 0) this.#options.onRecorded?.(recorded);
    if (live.length > 0) this.#options.onLive?.(live);
  }

  #lost(socket: WebSocket): void {
    if (this.#closed || this.#socket !== socket) return;
    this.#socket = null;
    clearTimeout(this.#silence);
    this.state = 'stale';
    this.staleSince ??= Date.now();
    if (this.#liveSince > 0 && Date.now() - this.#liveSince >= GOOD) this.#wait = FIRST_WAIT;
    this.#liveSince = 0;
    const wait = this.#wait * (0.5 + Math.random());
    this.#wait = Math.min(this.#wait * 2, LONGEST_WAIT);
    this.retryAt = Date.now() + wait;
    this.#retry = setTimeout(() => this.#connect(), wait);
    this.#options.onLost?.();
  }
}
