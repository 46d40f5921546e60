/**
 * Which runs wait for a person, for lists that know no more of a run than its status: asked once for all of them, and only while
 * anything waits at all.
 */
import { api, data } from '$lib/api/client';
import { Loaded } from '$lib/state/load.svelte';
import type { RecentRun } from '$lib/ui/run-bars';
import type { Run, Standing } from './words';

/** How many wait of each kind. */
export interface Waiting {
  approvals: number;
  reconcile: number;
  quarantined: number;
}

export class WaitingRuns {
  #waiting: Waiting = { approvals: 0, reconcile: 0, quarantined: 0 };
  #runs = new Loaded((signal) => read(this.#waiting, signal));

  /** There are so many now; who they are may have changed, too. */
  follow({ approvals, reconcile, quarantined }: Waiting): void {
    this.#waiting = { approvals, reconcile, quarantined };
    void this.#runs.refresh();
  }

  stop(): void {
    this.#runs.stop();
  }

  standing(run: RecentRun): Standing {
    return standingOf(run, this.#runs.value?.get(run.id));
  }
}

/** How a run stands of which a list says the status; what is known beside it may be of a moment before. */
export function standingOf(run: RecentRun, known: Run | undefined): Standing {
  const { waiting_approvals = 0, waits_for = [], reason = null } = known ?? {};
  return { status: run.status, result: null, waiting_approvals, waits_for, reason };
}

async function read(
  { approvals, reconcile, quarantined }: Waiting,
  signal: AbortSignal,
): Promise<Map<string, Run>> {
  const waits = [...(approvals > 0 ? ['approval'] : []), ...(reconcile > 0 ? ['reconcile'] : [])];
  const found = await Promise.all([
    waits.length > 0 ? runs({ waits_for: waits.join(',') }, signal) : [],
    quarantined > 0 ? runs({ reason: 'quarantined' }, signal) : [],
  ]);
  return new Map(found.flat().map((run) => [run.id, run]));
}

/** The newest of them: it is the last run of a workflow that is asked about. */
async function runs(filter: Record<string, string>, signal: AbortSignal): Promise<Run[]> {
  const query = { ...filter, limit: 200 };
  return (await data(api.GET('/api/v1/runs', { params: { query }, signal }))).items;
}
