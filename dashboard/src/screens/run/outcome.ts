/** What is missing from a run that completed in part. */
import type { Step } from './fold';
import { isItem, ownerOf } from './paths';

export interface Missing {
  /** What failed, the innermost of it. */
  failed: Step[];
  /** What could not be done since something else had failed. */
  left: Step[];
}

export function missingOf(steps: Iterable<Step>): Missing {
  const all = [...steps];
  const failed = all.filter((step) => step.status === 'failed');
  // A map that failed did so by its items: they say why.
  const boxes = new Set(failed.filter((step) => isItem(step.path)).map((step) => ownerOf(step.path)));
  const left = all.filter(
    (step) =>
      step.status === 'skipped' &&
      (step.skipped as { because?: string } | null | undefined)?.because === 'failed',
  );
  return { failed: failed.filter((step) => !boxes.has(step.path)), left };
}
