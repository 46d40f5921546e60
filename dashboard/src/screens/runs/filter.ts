/** Which runs are shown: as it stands in the URL, as the API takes it, and as people say it. */
import { REASON_NAMES, WAIT_NAMES } from '$lib/runs/words';
import { lookOf } from '$lib/status';

export interface Filter {
  /** How the id begins. */
  q: string;
  status: string[];
  workflow: string;
  label: string;
  waits: string[];
  reason: string[];
  parent: string;
  /** `24h`, or a moment in RFC 3339. */
  since: string;
  until: string;
}

/** What the URL calls them; the API calls them so too. */
export const FILTER_PARAMS = [
  'q',
  'status',
  'workflow',
  'label',
  'waits_for',
  'reason',
  'parent',
  'since',
  'until',
] as const;

export const SPANS: Record<string, string> = {
  '1h': 'Last hour',
  '24h': 'Last 24 hours',
  '7d': 'Last 7 days',
  '30d': 'Last 30 days',
};

const UNITS: Record<string, number> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

const list = (text: string) => text.split(',').filter((word) => word !== '');

export function fromParams(read: (name: string) => string): Filter {
  return {
    q: read('q'),
    status: list(read('status')),
    workflow: read('workflow'),
    label: read('label'),
    waits: list(read('waits_for')),
    reason: list(read('reason')),
    parent: read('parent'),
    since: read('since'),
    until: read('until'),
  };
}

export function toParams(filter: Filter): Record<(typeof FILTER_PARAMS)[number], string> {
  return {
    q: filter.q,
    status: filter.status.join(','),
    workflow: filter.workflow,
    label: filter.label,
    waits_for: filter.waits.join(','),
    reason: filter.reason.join(','),
    parent: filter.parent,
    since: filter.since,
    until: filter.until,
  };
}

/** The part of a URL that says it, always in the same order. */
export function toSearch(filter: Filter): string {
  const search = new URLSearchParams();
  Object.entries(toParams(filter)).forEach(([name, value]) => value && search.set(name, value));
  return search.toString();
}

/** As the API takes it. A span becomes a moment here, once, since a cursor holds for one filter only. */
export function toQuery(filter: Filter, now: number): Record<string, string> {
  const query = Object.entries({
    ...toParams(filter),
    since: momentOf(filter.since, now),
    until: momentOf(filter.until, now),
  });
  return Object.fromEntries(query.filter(([, value]) => value !== ''));
}

/** `24h` is a day before now; a moment stays one; anything else is nothing. */
export function momentOf(text: string, now: number): string {
  const span = /^(\d{1,5})([mhd])$/.exec(text);
  if (span) return new Date(now - Number(span[1]) * (UNITS[span[2] ?? ''] ?? 0)).toISOString();
  const date = new Date(text);
  return text === '' || Number.isNaN(date.getTime()) ? '' : date.toISOString();
}

export function isEmpty(filter: Filter): boolean {
  return toSearch(filter) === '';
}

export interface Chip {
  text: string;
  /** The filter without it. */
  without: Filter;
}

/** What is filtered for, beside the statuses, which stand above the list anyway. */
export function chips(filter: Filter, sayTime: (moment: string) => string): Chip[] {
  const found: Chip[] = [];
  const one = (text: string, change: Partial<Filter>) =>
    found.push({ text, without: { ...filter, ...change } });
  if (filter.q) one(`Id begins with ${filter.q}`, { q: '' });
  if (filter.workflow) one(`Workflow ${filter.workflow}`, { workflow: '' });
  if (filter.label) one(`Label ${filter.label.replaceAll(',', ', ')}`, { label: '' });
  if (filter.waits.length > 0) {
    one(`Waits for ${filter.waits.map((wait) => (WAIT_NAMES[wait] ?? wait).toLowerCase()).join(' or ')}`, {
      waits: [],
    });
  }
  if (filter.reason.length > 0) {
    one(
      `Paused: ${filter.reason.map((reason) => (REASON_NAMES[reason] ?? reason).toLowerCase()).join(' or ')}`,
      {
        reason: [],
      },
    );
  }
  if (filter.parent) one(`Started by run …${filter.parent.slice(-8)}`, { parent: '' });
  if (filter.since) {
    const span = SPANS[filter.since];
    one(span ? `Created: ${span.toLowerCase()}` : `Created since ${sayTime(filter.since)}`, { since: '' });
  }
  if (filter.until) one(`Created before ${sayTime(filter.until)}`, { until: '' });
  return found;
}

export function statusText(filter: Filter): string {
  return filter.status.map((status) => lookOf(status).label.toLowerCase()).join(' or ');
}

/**
 * What is chosen after one word of several was pressed: it alone, or nothing when it was that already. With `adding` it comes to those
 * that are chosen, or goes from them.
 */
export function pressed(words: string[], word: string, adding: boolean): string[] {
  if (adding) return toggled(words, word);
  return words.length === 1 && words[0] === word ? [] : [word];
}

/** Takes a word into a list or out of it. */
export function toggled(words: string[], word: string): string[] {
  return words.includes(word) ? words.filter((one) => one !== word) : [...words, word];
}
