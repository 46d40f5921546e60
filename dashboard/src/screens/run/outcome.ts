/** What is missing from a run that completed in part. */
import type { Step } from './fold';
import { isItem, ownerOf } from './paths';

/** What failed alike: items of one map with the same words, or a step alone. */
export interface Alike {
  key: string;
  message: string;
  steps: Step[];
}

export interface Missing {
  failed: Alike[];
  /** What could not be done since something else had failed. */
  left: Step[];
}

export function missingOf(steps: Iterable<Step>): Missing {
  const all = [...steps];
  const failed = all.filter((step) => step.status === 'failed');
  // A map that failed did so by its items: they say why.
  const boxes = new Set(failed.filter((step) => isItem(step.path)).map((step) => ownerOf(step.path)));
  const alike = new Map<string, Alike>();
  for (const step of failed) {
    if (boxes.has(step.path)) continue;
    const message = step.error?.message ?? '';
    const key = `${isItem(step.path) ? ownerOf(step.path) : step.path} ${message}`;
    const known = alike.get(key);
    if (known) known.steps.push(step);
    else alike.set(key, { key, message, steps: [step] });
  }
  const left = all.filter(
    (step) =>
      step.status === 'skipped' &&
      (step.skipped as { because?: string } | null | undefined)?.because === 'failed',
  );
  return { failed: [...alike.values()], left };
}
