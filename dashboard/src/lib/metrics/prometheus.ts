/**
 * Reads the text format of Prometheus (version 0.0.4), as `/metrics` writes it: enough of it for the daemon's own page, and forgiving, as
 * a newer daemon may say more. Quantiles of histograms are estimated as `histogram_quantile` does.
 */

export interface Sample {
  labels: Record<string, string>;
  value: number;
}

/** All samples by name; of a histogram `x` these are `x_bucket`, `x_sum` and `x_count`. */
export type Page = Map<string, Sample[]>;

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)(?:\s+-?\d+)?\s*$/;
const LABEL = /([a-zA-Z_]\w*)\s*=\s*"((?:[^"\\]|\\.)*)"\s*,?\s*/y;

export function parse(text: string): Page {
  const page: Page = new Map();
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const [, name, labels, value] = LINE.exec(line) ?? [];
    if (name === undefined || value === undefined) continue;
    const number = numberOf(value);
    if (number === undefined) continue;
    const samples = page.get(name) ?? [];
    samples.push({ labels: labelsOf(labels ?? ''), value: number });
    page.set(name, samples);
  }
  return page;
}

function numberOf(text: string): number | undefined {
  if (/^\+?Inf$/i.test(text)) return Number.POSITIVE_INFINITY;
  if (/^-Inf$/i.test(text)) return Number.NEGATIVE_INFINITY;
  if (/^NaN$/i.test(text)) return Number.NaN;
  const value = Number(text);
  return Number.isNaN(value) ? undefined : value;
}

function labelsOf(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  LABEL.lastIndex = 0;
  for (let found = LABEL.exec(text); found; found = LABEL.exec(text)) {
    labels[found[1] as string] = (found[2] as string).replace(/\\(.)/g, (_, letter: string) =>
      letter === 'n' ? '\n' : letter,
    );
  }
  return labels;
}

/** The sum of the samples of this name that have these labels; `undefined` when there is none. */
export function value(page: Page, name: string, labels: Record<string, string> = {}): number | undefined {
  const found = matching(page, name, labels);
  return found.length > 0 ? found.reduce((sum, sample) => sum + sample.value, 0) : undefined;
}

/** The values of one label, each with its value. */
export function by(page: Page, name: string, label: string): Map<string, number> {
  const found = new Map<string, number>();
  for (const sample of page.get(name) ?? []) {
    const key = sample.labels[label];
    if (key !== undefined) found.set(key, (found.get(key) ?? 0) + sample.value);
  }
  return found;
}

function matching(page: Page, name: string, labels: Record<string, string>): Sample[] {
  const wanted = Object.entries(labels);
  return (page.get(name) ?? []).filter((sample) =>
    wanted.every(([key, text]) => sample.labels[key] === text),
  );
}

/** Upper bounds with how many were at or below each; sorted, the last bound is infinite. */
export type Buckets = [bound: number, count: number][];

/** The buckets of a histogram, those of all series with these labels together. */
export function buckets(page: Page, name: string, labels: Record<string, string> = {}): Buckets {
  const counts = new Map<number, number>();
  for (const sample of matching(page, `${name}_bucket`, labels)) {
    const bound = numberOf(sample.labels.le ?? '');
    if (bound !== undefined) counts.set(bound, (counts.get(bound) ?? 0) + sample.value);
  }
  return [...counts].sort(([a], [b]) => a - b);
}

/** What was counted between two readings. A counter that fell was begun anew: then all of it counts. */
export function between(before: Buckets, after: Buckets): Buckets {
  const old = new Map(before);
  const isNew = (after.at(-1)?.[1] ?? 0) < (before.at(-1)?.[1] ?? 0);
  return after.map(([bound, count]) => [bound, isNew ? count : Math.max(0, count - (old.get(bound) ?? 0))]);
}

/** How much a counter rose between two readings. */
export function rise(before: number | undefined, after: number | undefined): number | undefined {
  if (before === undefined || after === undefined) return undefined;
  return after >= before ? after - before : after;
}

/**
 * The value below which this share of the observations lies, with even spread within a bucket; in the last bucket its lower bound, since
 * nothing more is known. `undefined` when there were none.
 */
export function quantile(q: number, of: Buckets): number | undefined {
  const total = of.at(-1)?.[1] ?? 0;
  if (total <= 0) return undefined;
  const rank = Math.min(1, Math.max(0, q)) * total;
  const at = of.findIndex(([, count]) => count >= rank);
  const [bound, count] = of[at] as [number, number];
  const [lower, below] = of[at - 1] ?? [Math.min(0, bound), 0];
  if (!Number.isFinite(bound)) return lower;
  return count === below ? bound : lower + ((bound - lower) * (rank - below)) / (count - below);
}
