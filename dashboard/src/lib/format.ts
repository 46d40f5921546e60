/** How times, durations and numbers are said. One place, so that all screens say them alike. */

/** `840 ms`, `2.4 s`, `3 min 20 s`, `2 h 5 min`, `4 d 3 h`. */
export function duration(ms: number | null | undefined): string {
  if (ms === null || ms === undefined || !Number.isFinite(ms)) return '–';
  if (ms < 1) return '< 1 ms';
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 9_950) return `${(ms / 1000).toFixed(1)} s`;
  const s = Math.round(ms / 1000);
  if (s < 60) return `${s} s`;
  if (s < 3600) return two(Math.floor(s / 60), 'min', s % 60, 's');
  const m = Math.round(s / 60);
  if (m < 1440) return two(Math.floor(m / 60), 'h', m % 60, 'min');
  const h = Math.round(m / 60);
  return two(Math.floor(h / 24), 'd', h % 24, 'h');
}

function two(large: number, unit: string, small: number, lesser: string): string {
  return small === 0 ? `${large} ${unit}` : `${large} ${unit} ${small} ${lesser}`;
}

/** `just now`, `12 s ago`, `in 3 min`. */
export function relative(at: Date | string | number, now: number): string {
  const ms = new Date(at).getTime() - now;
  const size = Math.abs(ms);
  if (Number.isNaN(size)) return '–';
  if (size < 2_000) return ms > 0 ? 'now' : 'just now';
  const [unit, name] = (
    [
      [86_400_000, 'd'],
      [3_600_000, 'h'],
      [60_000, 'min'],
      [1_000, 's'],
    ] as const
  ).find(([unit]) => size >= unit) ?? [1_000, 's'];
  const count = Math.floor(size / unit);
  return ms > 0 ? `in ${count} ${name}` : `${count} ${name} ago`;
}

/** Date and time to the second, in the zone that was chosen. */
export function absolute(at: Date | string | number, zone: 'local' | 'utc'): string {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return '–';
  const options: Intl.DateTimeFormatOptions = { dateStyle: 'medium', timeStyle: 'medium' };
  const text = new Intl.DateTimeFormat(undefined, zone === 'utc' ? { ...options, timeZone: 'UTC' } : options);
  return zone === 'utc' ? `${text.format(date)} UTC` : text.format(date);
}

/** The time of day to the minute, in the zone that was chosen. */
export function clockTime(at: Date | string | number, zone: 'local' | 'utc'): string {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return '–';
  const options: Intl.DateTimeFormatOptions = { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' };
  const text = new Intl.DateTimeFormat('en', zone === 'utc' ? { ...options, timeZone: 'UTC' } : options);
  return zone === 'utc' ? `${text.format(date)} UTC` : text.format(date);
}

const counts = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });
const whole = new Intl.NumberFormat('en');

/** `1,204`; from a hundred thousand on `1.2M`. */
export function count(value: number): string {
  return value < 100_000 ? whole.format(value) : counts.format(value);
}

/** `12.4 MiB`. */
export function bytes(value: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let at = 0;
  let left = value;
  while (left >= 1024 && at < units.length - 1) {
    left /= 1024;
    at += 1;
  }
  return `${at === 0 || left >= 100 ? Math.round(left) : left.toFixed(1)} ${units[at]}`;
}

export function percent(share: number): string {
  // Nothing that goes on is shown as done.
  const bounded = share < 1 ? Math.min(share * 100, 99) : 100;
  return `${Math.floor(bounded)} %`;
}

/** The last part of a UUIDv7, which tells runs of one minute apart; the first part says when. */
export function shortId(id: string): string {
  return id.length > 12 ? id.slice(-8) : id;
}

/** `1 run`, `3 runs`. */
export function plural(n: number, one: string, many = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : many}`;
}
