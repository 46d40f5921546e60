/** Whether somebody else has saved a version while a workflow is edited: known before saving is refused. */
import type { Recorded } from '$lib/feed/decode';
import type { Builder } from './builder.svelte';
import { latest } from './definitions';

export class Newer {
  version = $state<number | null>(null);
  #builder: Builder;

  constructor(builder: Builder) {
    this.#builder = builder;
  }

  forget(): void {
    this.version = null;
  }

  async hear(events: readonly Recorded[]): Promise<void> {
    const of = this.#builder.name;
    const isSaved = events.some((one) => one.type === 'workflow.saved' && one.subject.workflow === of);
    if (of === null || !isSaved) return;
    try {
      const { version } = (await latest(of)).workflow;
      const { name, base, saving } = this.#builder;
      // Another may be open by now, and one's own version is no news.
      if (name === of && base && version > base.version && !saving) this.version = version;
    } catch {
      // Then it is told when it is saved.
    }
  }
}
