/**
 * The figures of the daemon at one moment: from `/api/v1/system` what that says, the rest from two readings of `/metrics`. What cannot be
 * told is `null`, and is shown as not known rather than as nothing.
 */
import type { components } from '$lib/api/schema';
import { between, buckets, quantile, rise, value, type Page } from '$lib/metrics/prometheus';

export type System = components['schemas']['System'];

export interface Raw {
  at: number;
  metrics: Page;
  system: System | null;
}

type Figure = number | null;

export interface Figures {
  at: number;
  messages: Figure;
  commits: Figure;
  events: Figure;
  perCommit: Figure;
  syncP50: Figure;
  syncP99: Figure;
  queued: Figure;
  answerP50: Figure;
  answerP99: Figure;
  memory: Figure;
  /** Share of one processor. */
  cpu: Figure;
  threads: Figure;
  files: Figure;
  actors: Figure;
  restarts: Figure;
  clients: Figure;
  clientsMax: Figure;
  slowest: Figure;
  lagged: Figure;
  dropped: Figure;
  segments: Figure;
  journalBytes: Figure;
}

/** `messages` a second is told from the tree, which is read beside it. */
export function figuresOf(after: Raw, before: Raw | undefined, messages: Figure): Figures {
  const { metrics, system } = after;
  const seconds = before ? (after.at - before.at) / 1000 : 0;
  const now = (name: string): Figure => value(metrics, name) ?? null;
  const rose = (name: string): Figure =>
    before ? (rise(value(before.metrics, name), value(metrics, name)) ?? null) : null;
  const perSecond = (name: string): Figure => over(rose(name), seconds);

  const commits = rose('ghostlight_journal_commits_total');
  const records = rose('ghostlight_journal_records_total');
  const answers = 'ghostlight_http_request_duration_seconds';
  const answered = before ? between(buckets(before.metrics, answers), buckets(metrics, answers)) : [];
  const ms = (share: number): Figure => {
    const found = quantile(share, answered);
    return found === undefined ? null : found * 1000;
  };

  return {
    at: after.at,
    messages,
    commits: system?.store.commits_per_s ?? over(commits, seconds),
    events: system?.store.events_per_s ?? over(records, seconds),
    perCommit: system?.store.events_per_commit ?? over(records, commits),
    syncP50: system?.store.sync_p50_ms ?? null,
    syncP99: system?.store.sync_p99_ms ?? null,
    queued: system?.store.queued ?? now('ghostlight_journal_queued'),
    answerP50: ms(0.5),
    answerP99: ms(0.99),
    memory: system?.process.rss_bytes ?? now('process_resident_memory_bytes'),
    cpu: perSecond('process_cpu_seconds_total'),
    threads: system?.process.threads ?? now('process_threads'),
    files: system?.process.open_files ?? now('process_open_fds'),
    actors: system?.actors.count ?? now('ghostlight_actors'),
    restarts: system?.actors.restarts ?? now('ghostlight_actor_restarts_total'),
    clients: system?.feeds.clients ?? now('ghostlight_feed_clients'),
    clientsMax: system?.feeds.clients_max ?? null,
    slowest: system?.feeds.slowest_lag ?? now('ghostlight_feed_slowest_lag_events'),
    lagged: system?.feeds.lagged ?? now('ghostlight_feed_lagged_total'),
    dropped: system?.feeds.dropped ?? null,
    segments: system?.store.segments ?? now('ghostlight_journal_segments'),
    journalBytes: system?.store.bytes ?? null,
  };
}

function over(part: Figure, whole: Figure): Figure {
  return part === null || whole === null || whole <= 0 ? null : part / whole;
}

/** A figure as it is said: `12`, `3.4`, `0.08`; a dash for what is not known. */
export function told(figure: Figure): string {
  if (figure === null) return '–';
  if (figure >= 100) return Math.round(figure).toLocaleString('en');
  if (figure >= 10 || Number.isInteger(figure)) return String(Math.round(figure));
  return figure >= 1 ? figure.toFixed(1) : figure.toFixed(2);
}

export function toldMs(figure: Figure): string {
  if (figure === null) return '–';
  return figure >= 1000
    ? `${(figure / 1000).toFixed(1)} s`
    : figure > 0 && figure < 1
      ? `${told(figure * 1000)} µs`
      : `${told(figure)} ms`;
}

/** A line in words: for those who cannot see it. */
export function inWords(
  name: string,
  values: Figure[],
  say: (value: Figure) => string,
  span: string,
): string {
  const known = values.filter((value): value is number => value !== null);
  const now = values.at(-1) ?? null;
  if (known.length === 0) return `${name}: nothing is known yet.`;
  const [least, most] = [Math.min(...known), Math.max(...known)];
  return `${name}: ${now === null ? 'not known now' : `${say(now)} now`}, between ${say(least)} and ${say(most)} in the last ${span}.`;
}
