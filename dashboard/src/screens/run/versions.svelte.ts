/** The workflow of a run as it is by now: which version is the latest, kept true while somebody looks, and what a version takes. */
import { api, data } from '$lib/api/client';
import { isObject } from '$lib/forms/schema';
import { Loaded } from '$lib/state/load.svelte';
import { pulse } from '$lib/state/pulse.svelte';

export class Versions {
  #name: string;
  #latest: Loaded<number>;

  constructor(name: string) {
    this.#name = name;
    this.#latest = new Loaded(async (signal) => {
      const params = { path: { name } };
      return (await data(api.GET('/api/v1/workflows/{name}', { params, signal }))).latest_version;
    });
  }

  /** `null` as long as it is not known, and where the workflow is gone. */
  get latest(): number | null {
    return this.#latest.value ?? null;
  }

  /** Reads, and follows; answers how to stop. */
  start(): () => void {
    const read = () => void this.#latest.refresh();
    read();
    const stop = pulse.listen(
      (events) => events.some((event) => event.subject.workflow === this.#name) && read(),
      read,
    );
    return () => {
      stop();
      this.#latest.stop();
    };
  }
}

/** The schema of the input of one version; `null` where it says nothing of what it takes. */
export async function inputSchema(name: string, version: number, signal: AbortSignal) {
  const params = { path: { name }, query: { version } };
  const { definition } = await data(api.GET('/api/v1/workflows/{name}', { params, signal }));
  return isObject(definition) && isObject(definition.input) ? definition.input : null;
}
