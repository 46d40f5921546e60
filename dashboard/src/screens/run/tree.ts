/** The steps as rows of a tree: nodes of the plan, and below maps and loops that are open their items and passes. */
import type { Step } from './fold';
import { isWithin, ownerOf, sortedPaths } from './paths';

export interface TreeRow {
  path: string;
  step: Step;
  depth: number;
  /** It has items or passes. */
  box: boolean;
  open: boolean;
}

export interface TreeQuery {
  text: string;
  /** Statuses that are shown; all when empty. */
  statuses: readonly string[];
}

/** Rows in order. While something is sought all that fits is shown, however deep, below what it belongs to. */
export function treeOf(
  steps: ReadonlyMap<string, Step>,
  order: ReadonlyMap<string, number>,
  open: ReadonlySet<string>,
  query: TreeQuery,
): TreeRow[] {
  const boxes = new Set<string>();
  for (const path of steps.keys()) {
    const owner = ownerOf(path);
    if (owner !== null) boxes.add(owner);
  }
  const sought = query.text.trim().toLowerCase();
  const seeking = sought !== '' || query.statuses.length > 0;
  const fits = (step: Step) =>
    (query.statuses.length === 0 || query.statuses.includes(step.status)) &&
    (sought === '' ||
      step.path.toLowerCase().includes(sought) ||
      (step.agent ?? '').toLowerCase().includes(sought) ||
      step.description.toLowerCase().includes(sought));
  const shown = new Set<string>();
  for (const [path, step] of steps) {
    if (seeking) {
      if (!fits(step)) continue;
      for (let at: string | null = path; at !== null && !shown.has(at); at = ownerOf(at)) shown.add(at);
    } else if (isWithin(path, open)) {
      shown.add(path);
    }
  }
  return sortedPaths(shown, order).flatMap((path): TreeRow[] => {
    const step = steps.get(path);
    if (!step) return [];
    return [
      {
        path,
        step,
        depth: path.split('.').length - 1,
        box: boxes.has(path),
        open: boxes.has(path) && (seeking || open.has(path)),
      },
    ];
  });
}

/** What has to be open for a step to be seen. */
export function owners(path: string): string[] {
  const found: string[] = [];
  for (let owner = ownerOf(path); owner !== null; owner = ownerOf(owner)) found.push(owner);
  return found;
}

export interface Facet {
  /** Steps of the definition. */
  steps: number;
  /** What stands inside of them: items, passes, and what judges or undoes them. */
  inside: number;
}

/** How many rows there are of each status, counted as everywhere on the page: steps, and what is inside of them beside. */
export function facetsOf(steps: Iterable<Step>): Map<string, Facet> {
  const found = new Map<string, Facet>();
  for (const { status, path } of steps) {
    const of = found.get(status) ?? { steps: 0, inside: 0 };
    if (path.includes('.')) of.inside += 1;
    else of.steps += 1;
    found.set(status, of);
  }
  return found;
}
