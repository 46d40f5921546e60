/** One step with everything about it, read anew when something happens to it. */
import { api, data } from '$lib/api/client';
import type { components } from '$lib/api/schema';
import { membersOf, rawMember, rootOf } from '$lib/json/lex';
import { Loaded } from '$lib/state/load.svelte';
import type { RunModel } from './model.svelte';

type StepDetail = components['schemas']['StepDetail'];

export class DetailRead {
  readonly path: string;
  #model: RunModel;
  #read: Loaded<{ step: StepDetail; text: string }>;
  #members = new Map<string, string | undefined>();
  #membersOf = '';

  constructor(model: RunModel, path: string) {
    this.#model = model;
    this.path = path;
    this.#read = new Loaded(async (signal) => {
      const params = { path: { id: model.id, path } };
      const text = await data(api.GET('/api/v1/runs/{id}/steps/{path}', { params, parseAs: 'text', signal }));
      return { step: JSON.parse(text) as StepDetail, text };
    });
  }

  /** Reads, and follows; answers how to stop. */
  start(): () => void {
    void this.#read.refresh();
    const stop = this.#model.listen(
      (events) => {
        if (events.some((event) => event.data.step === this.path)) void this.#read.refresh();
      },
      () => void this.#read.refresh(),
    );
    return () => {
      stop();
      this.#read.stop();
    };
  }

  refresh(): void {
    void this.#read.refresh();
  }

  get step(): StepDetail | undefined {
    return this.#read.value?.step;
  }

  get error(): unknown {
    return this.#read.value ? undefined : this.#read.error;
  }

  /** The text of what it was given or what came out; `undefined` when there is none. */
  member(name: 'input' | 'output'): string | undefined {
    const text = this.#read.value?.text;
    if (text === undefined) return undefined;
    if (this.#membersOf !== text) {
      this.#members.clear();
      this.#membersOf = text;
    }
    if (!this.#members.has(name)) this.#members.set(name, rawMember(text, name));
    const found = this.#members.get(name);
    // `null` stands for none while nothing has come out, and is a value like others after that.
    const isThere = name === 'output' ? this.step?.status === 'completed' : (this.step?.attempts ?? 0) > 0;
    return found === 'null' && !isThere ? undefined : found;
  }

  /** The text of what an attempt was given. */
  inputOf(attempt: number): string | undefined {
    const text = this.#read.value?.text;
    const list = text && rawMember(text, 'history');
    const root = list ? rootOf(list) : null;
    if (!list || !root) return undefined;
    const at = this.step?.history.findIndex((one) => one.number === attempt) ?? -1;
    const found = membersOf(list, root)[at];
    return found ? rawMember(list.slice(found.value.start, found.value.end), 'input') : undefined;
  }
}
