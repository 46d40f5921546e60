/**
 * What the observer knows: the tree, the figures and the health of the daemon, each with its recent past. It reads when actors start or
 * end, and takes samples while the screen is visible ([[sampleWhileVisible]]).
 */
import { api, data } from '$lib/api/client';
import { readiness, type Readiness } from '$lib/api/readiness';
import type { Live, Recorded } from '$lib/feed/decode';
import { Feed } from '$lib/feed/feed.svelte';
import { parse } from '$lib/metrics/prometheus';
import { figuresOf, type Figures, type Raw, type System } from './figures';
import { History } from './history';
import { newsOf, together, type News } from './news';
import { sampleWhileVisible } from './sample';
import { read, type Reading, type TreeNode } from './tree';

/** Figures of the last five minutes. */
const FIGURES = 150;
/** Of events the tree is read at most so often. */
const PAUSE = 1_000;

export class Observer {
  reading = $state.raw<Reading>();
  figures = $state.raw<Figures[]>([]);
  ready = $state.raw<Readiness>();
  system = $state.raw<System | null>(null);
  news = $state.raw<News[]>([]);
  /** Why the tree could not be read. */
  error = $state.raw<unknown>();
  history = new History();

  #raw: Raw | undefined;
  #isReading = false;
  #readAt = 0;
  #due: ReturnType<typeof setTimeout> | undefined;
  #feed = new Feed({
    path: '/api/v1/feed',
    types: 'actor.*,supervisor.*,audit.*,store.*,storage.*,view.*',
    live: true,
    coalesce: 300,
    onRecorded: (events) => this.#hear(events),
    onLive: (events) => this.#hear(events),
    onReset: () => this.#soon(),
  });

  /** Watches until it is stopped. */
  start(): () => void {
    this.#feed.open();
    const stop = sampleWhileVisible(() => this.sample());
    return () => {
      stop();
      clearTimeout(this.#due);
      this.#due = undefined;
      this.#feed.close();
    };
  }

  /** Reads everything. */
  async sample(): Promise<void> {
    await Promise.all([this.readTree(), this.#readHealth()]);
    await this.#readFigures();
  }

  async readTree(): Promise<void> {
    if (this.#isReading) return;
    this.#isReading = true;
    this.#readAt = Date.now();
    try {
      const tree = (await data(api.GET('/api/v1/tree'))) as TreeNode;
      const reading = read(tree, Date.now(), this.reading);
      this.history.add(reading);
      this.reading = reading;
      this.error = undefined;
    } catch (error) {
      this.error = error;
    } finally {
      this.#isReading = false;
    }
  }

  async #readHealth(): Promise<void> {
    try {
      this.ready = await readiness();
    } catch {
      // That the daemon does not answer is said by the shell and by the tree.
    }
  }

  async #readFigures(): Promise<void> {
    try {
      const [text, system] = await Promise.all([
        data(api.GET('/metrics', { parseAs: 'text' })) as Promise<string>,
        this.#readSystem(),
      ]);
      const raw = { at: Date.now(), metrics: parse(text), system };
      this.system = system;
      this.figures = [...this.figures, figuresOf(raw, this.#raw, this.#messages())].slice(-FIGURES);
      this.#raw = raw;
    } catch {
      // A hole in the line says it.
    }
  }

  /** Without it the figures of `/metrics` are shown. */
  async #readSystem(): Promise<System | null> {
    return data(api.GET('/api/v1/system')).catch(() => null);
  }

  /** Of actors that were up at both ends of the sample. */
  #messages(): number | null {
    const rates = this.reading?.all.map((actor) => actor.rate).filter((rate) => rate !== null) ?? [];
    return rates.length > 0 ? rates.reduce((sum, rate) => sum + rate, 0) : null;
  }

  #hear(events: (Recorded | Live)[]): void {
    const news = events.flatMap((event) => newsOf(event) ?? []);
    if (news.length > 0) this.news = together(news, this.news);
    if (events.some((event) => /^(store|storage|view)\./.test(event.type))) void this.#readHealth();
    this.#soon();
  }

  /** Actors come and go by the thousand: the tree is read soon after the first, and not for each. */
  #soon(): void {
    if (document.visibilityState === 'hidden') return;
    const wait = Math.max(0, PAUSE - (Date.now() - this.#readAt));
    this.#due ??= setTimeout(() => {
      this.#due = undefined;
      void this.readTree();
    }, wait);
  }
}
