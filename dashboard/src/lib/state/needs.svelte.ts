/** How much waits for a person: open questions, writes of which nobody knows whether they happened, runs that were set aside. */
import { pulse, countOpen } from './pulse.svelte';
import { Loaded } from './load.svelte';

class NeedsYou {
  #open = new Loaded((signal) => countOpen(signal));

  get count(): number {
    return this.#open.value ?? 0;
  }

  /** Follows the feed; answers how to stop. */
  start(): () => void {
    void this.#open.refresh();
    return pulse.listen(
      (events) => {
        const concerns = (type: string) =>
          type.startsWith('approval.') || type === 'step.reconciled' || type.startsWith('run.');
        if (events.some((event) => concerns(event.type))) void this.#open.refresh();
      },
      () => void this.#open.refresh(),
    );
  }
}

export const needsYou = new NeedsYou();
