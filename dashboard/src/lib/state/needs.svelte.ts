/**
 * How much waits for a person: open questions, runs with writes of which nobody knows whether they happened, and runs that were set
 * aside. The numbers of all runs come with it, since they are the same answer of the daemon.
 */
import { runCounts, type RunCounts } from '$lib/api/numbers';
import { Loaded } from './load.svelte';
import { pulse } from './pulse.svelte';

interface Needs {
  approvals: number;
  reconcile: number;
  quarantined: number;
  counts: RunCounts;
}

class NeedsYou {
  #now = new Loaded<Needs>(read);

  get count(): number {
    const { approvals = 0, reconcile = 0, quarantined = 0 } = this.#now.value ?? {};
    return approvals + reconcile + quarantined;
  }

  get parts(): Needs | undefined {
    return this.#now.value;
  }

  get counts(): RunCounts | undefined {
    return this.#now.value?.counts;
  }

  get error(): unknown {
    return this.#now.error;
  }

  refresh(): void {
    void this.#now.refresh();
  }

  /** Follows the feed; answers how to stop. */
  start(): () => void {
    this.refresh();
    const stop = pulse.listen(
      (events) => {
        if (events.some((event) => event.subject.run !== undefined)) this.refresh();
      },
      () => this.refresh(),
    );
    return () => {
      stop();
      this.#now.stop();
    };
  }
}

async function read(signal: AbortSignal): Promise<Needs> {
  const counts = await runCounts({}, signal);
  const { waiting_approvals: approvals, waiting, quarantined } = counts;
  return { approvals, reconcile: waiting.reconcile, quarantined, counts };
}

export const needsYou = new NeedsYou();
