import { describe, expect, it } from 'vitest';
import { parse } from '$lib/metrics/prometheus';
import { figuresOf, inWords, told, toldMs, type Raw, type System } from './figures';

function raw(at: number, lines: Record<string, number>, system: System | null = null): Raw {
  const text = Object.entries(lines).map(([name, value]) => `${name} ${value}`);
  return { at, metrics: parse(text.join('\n')), system };
}

const bucket = (le: string) =>
  `ghostlight_http_request_duration_seconds_bucket{route="/x",status="200",le="${le}"}`;

describe('figures', () => {
  const before = raw(0, {
    ghostlight_journal_commits_total: 100,
    ghostlight_journal_records_total: 300,
    process_cpu_seconds_total: 4,
    [bucket('0.01')]: 10,
    [bucket('+Inf')]: 10,
  });
  const after = raw(2_000, {
    ghostlight_journal_commits_total: 120,
    ghostlight_journal_records_total: 380,
    process_cpu_seconds_total: 5,
    process_resident_memory_bytes: 5_000,
    ghostlight_feed_clients: 3,
    [bucket('0.01')]: 30,
    [bucket('+Inf')]: 30,
  });

  it('of a second come from two readings', () => {
    expect(figuresOf(after, before, 40)).toMatchObject({
      messages: 40,
      commits: 10,
      events: 40,
      perCommit: 4,
      cpu: 0.5,
      memory: 5_000,
      clients: 3,
      answerP50: 5,
    });
  });

  it('are not known where there is nothing to compare with, or nobody tells them', () => {
    const first = figuresOf(after, undefined, null);
    expect([first.commits, first.cpu, first.answerP50, first.syncP99, first.dropped, first.files]).toEqual(
      Array(6).fill(null),
    );
    expect(first.memory).toBe(5_000);
  });

  it('come from the daemon where it tells them itself', () => {
    const system = {
      started_at: '2026-11-20T12:00:00Z',
      uptime_ms: 1,
      store: {
        commits_per_s: 7,
        events_per_s: 70,
        events_per_commit: 10,
        sync_p50_ms: 0.4,
        sync_p99_ms: 3,
        queued: 2,
        bytes: 9,
        segments: 1,
      },
      feeds: { clients: 5, clients_max: 100, sent: 1, lagged: 2, dropped: 1, slowest_lag: 12 },
      runs: { in_memory: 4 },
      actors: { count: 50, restarts: 6 },
      process: { rss_bytes: 77, cpu_seconds: null, threads: 8, open_files: 9 },
    } as System;
    expect(figuresOf({ ...after, system }, before, null)).toMatchObject({
      commits: 7,
      syncP50: 0.4,
      syncP99: 3,
      clients: 5,
      slowest: 12,
      dropped: 1,
      memory: 77,
    });
  });
});

describe('how figures are said', () => {
  it('has as many digits as matter', () => {
    expect([null, 0, 0.083, 3.44, 12.6, 1234.5].map(told)).toEqual(['–', '0', '0.08', '3.4', '13', '1,235']);
    expect([null, 0.45, 3.44, 250, 2_500].map(toldMs)).toEqual(['–', '450 µs', '3.4 ms', '250 ms', '2.5 s']);
  });

  it('tells a line in words', () => {
    expect(inWords('Commits a second', [null, 2, 9, 4], told, '3 min')).toBe(
      'Commits a second: 4 now, between 2 and 9 in the last 3 min.',
    );
    expect(inWords('Commits a second', [null], told, '3 min')).toBe(
      'Commits a second: nothing is known yet.',
    );
  });
});
