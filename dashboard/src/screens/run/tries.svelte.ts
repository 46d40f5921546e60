/** When the last try of a run began: what is read for it is read once somebody asks, and each new try is heard of. */
import { api, data } from '$lib/api/client';
import { Loaded } from '$lib/state/load.svelte';
import type { RunModel } from './model.svelte';
import { beganAt, doneLast, triesOf } from './tries';

/** Of so many steps the attempts are read. */
const ASKED = 6;

export class LastTry {
  #model: RunModel;
  #read: Loaded<number | null>;
  /** As the feed has told it. */
  #heard = $state<number | null>(null);

  tries: number = $derived.by(() => triesOf(this.#model.steps));

  constructor(model: RunModel) {
    this.#model = model;
    this.#read = new Loaded(async (signal) => {
      const asked = doneLast(model.steps).slice(0, ASKED);
      const details = await Promise.all(
        asked.map((path) =>
          data(
            api.GET('/api/v1/runs/{id}/steps/{path}', { params: { path: { id: model.id, path } }, signal }),
          ),
        ),
      );
      const attempts = details.flatMap((one) => one.history);
      return beganAt(model.steps, attempts, model.spans?.values() ?? []);
    });
  }

  /** In milliseconds; `null` as long as it is not known. */
  get since(): number | null {
    return this.#heard ?? this.#read.value ?? null;
  }

  get reading(): boolean {
    return this.#read.loading;
  }

  /** It has been read, and nothing says it. */
  get isUnknown(): boolean {
    return (
      this.since === null && !this.#read.loading && (this.#read.value === null || Boolean(this.#read.error))
    );
  }

  /** Once, until it is asked anew: what nothing says now is not asked at each event. */
  read(): void {
    const { value, error } = this.#read;
    if (this.since === null && value === undefined && !error) void this.#read.refresh();
  }

  forget(): void {
    [this.#read.value, this.#read.error] = [undefined, undefined];
  }

  /** Follows; answers how to stop. */
  start(): () => void {
    const stop = this.#model.listen(
      (events) => {
        const again = events.findLast((event) => event.type === 'run.reopened');
        if (again) this.#heard = again.time.getTime();
      },
      () => {
        this.#heard = null;
        this.forget();
      },
    );
    return () => {
      stop();
      this.#read.stop();
    };
  }
}
