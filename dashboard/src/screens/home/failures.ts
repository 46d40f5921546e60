/** Failed runs, with those that failed alike as one: twenty times the same says no more than once, and hides what else there is. */
import type { Run } from '$lib/runs/words';

export interface Failed {
  /** The newest of them. */
  run: Run;
  many: number;
}

export function alike(runs: readonly Run[]): Failed[] {
  const found = new Map<string, Failed>();
  for (const run of runs) {
    const { step, code, message } = run.error ?? {};
    const key = JSON.stringify([run.workflow, step, code, message]);
    const known = found.get(key);
    if (known) known.many += 1;
    else found.set(key, { run, many: 1 });
  }
  return [...found.values()];
}
