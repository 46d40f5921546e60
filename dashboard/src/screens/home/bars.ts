/** From hours to bars. */
import type { HistoryBucket } from '$lib/api/numbers';

export type Ending = 'completed' | 'failed' | 'cancelled';
export const ENDINGS: Ending[] = ['completed', 'cancelled', 'failed'];

/** The least whole number that is easy to read and not less than any bar. */
export function niceMax(value: number): number {
  if (value <= 4) return 4;
  const size = 10 ** Math.floor(Math.log10(value));
  const step = [1, 2, 4, 5, 8, 10].find((one) => one * size >= value) ?? 10;
  return step * size;
}

export function ended(bucket: HistoryBucket): number {
  return bucket.completed + bucket.failed + bucket.cancelled;
}

export function largest(buckets: readonly HistoryBucket[]): number {
  return buckets.reduce((most, bucket) => Math.max(most, bucket.started, ended(bucket)), 0);
}

export interface Segment {
  ending: Ending;
  y: number;
  height: number;
}

/** How those that ended in an hour stand on each other, from below; failures stand on top, where they are seen. */
export function stack(bucket: HistoryBucket, max: number, height: number): Segment[] {
  let y = height;
  return ENDINGS.flatMap((ending) => {
    const n = bucket[ending];
    if (n === 0) return [];
    // One failure among thousands is seen all the same.
    const tall = Math.max((n / max) * height, 2);
    y -= tall;
    return [{ ending, y, height: tall }];
  });
}

export function totals(buckets: readonly HistoryBucket[]): Record<'started' | Ending, number> {
  const sum = (of: 'started' | Ending) => buckets.reduce((all, bucket) => all + bucket[of], 0);
  return {
    started: sum('started'),
    completed: sum('completed'),
    failed: sum('failed'),
    cancelled: sum('cancelled'),
  };
}

/** `14:00`, in the zone that was chosen; `Mo 14:00` with the day. */
export function hourText(at: string | number, zone: 'local' | 'utc', withDay = false): string {
  return new Intl.DateTimeFormat(undefined, {
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
    ...(withDay ? { weekday: 'short', day: 'numeric', month: 'short' } : {}),
    ...(zone === 'utc' ? { timeZone: 'UTC' } : {}),
  }).format(new Date(at));
}

/** Every how many hours one is written below, so that they do not touch. */
export function labelEvery(width: number, hours: number): number {
  const fit = Math.max(1, Math.floor(width / 52));
  return [1, 2, 3, 4, 6, 8, 12, 24].find((every) => hours / every <= fit) ?? 24;
}
