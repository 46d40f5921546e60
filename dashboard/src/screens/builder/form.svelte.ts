/** What the forms of nodes need beside the text: the schema of the language, and the agents and workflows that can be named. */
import { getContext, setContext, untrack } from 'svelte';
import { api, data } from '$lib/api/client';
import type { components } from '$lib/api/schema';
import { Loaded } from '$lib/state/load.svelte';
import type { Builder } from './builder.svelte';
import type { Schema } from './model/fields';
import { referencesOf, type Reference } from './model/references';
import { setValue } from './model/operations';
import type { Path } from './model/text';

type Agent = components['schemas']['Agent'];
export type AgentSummary = components['schemas']['AgentSummary'];

const KEY = Symbol('form');

export class Form {
  schema = new Loaded(
    async (signal) => (await data(api.GET('/api/v1/schemas/workflow.json', { signal }))) as unknown as Schema,
  );
  agents = new Loaded(
    async (signal) => (await data(api.GET('/api/v1/agents', { signal }))).items as AgentSummary[],
  );
  workflows = new Loaded(async (signal) => {
    const page = await data(api.GET('/api/v1/workflows', { params: { query: { limit: 200 } }, signal }));
    return page.items.map((one) => one.name);
  });

  constructor(readonly builder: Builder) {}

  load(): void {
    void this.schema.refresh();
    void this.agents.refresh();
    void this.workflows.refresh();
  }

  get agentNames(): string[] {
    return (this.agents.value ?? []).map((agent) => agent.name);
  }

  get capabilities(): string[] {
    return [...new Set((this.agents.value ?? []).flatMap((agent) => agent.capabilities))].sort();
  }

  /** What may be read at this place of the document. */
  references(path: Path): Reference[] {
    const id = path[0] === 'nodes' ? String(path[1]) : null;
    return referencesOf(this.builder.graph, id, path);
  }

  /** What the agent that is called at this place takes: `path` is that of its input. */
  inputOf(path: Path): { key: string; says: string }[] {
    const call = path
      .slice(0, -1)
      .reduce<unknown>(
        (here, key) =>
          typeof here === 'object' && here !== null
            ? (here as Record<string | number, unknown>)[key]
            : undefined,
        this.builder.graph.value,
      ) as { agent?: unknown; tool?: unknown } | undefined;
    const name = call?.agent ?? call?.tool;
    if (typeof name !== 'string' || !this.agentNames.includes(name)) return [];
    const schema = this.#agent(name).value?.input_schema as
      { properties?: object; required?: string[] } | null | undefined;
    const properties = Object.entries(
      (schema?.properties ?? {}) as Record<string, { type?: unknown; description?: string }>,
    );
    return properties.map(([key, one]) => ({
      key,
      says: [String(one?.type ?? ''), schema?.required?.includes(key) ? 'needed' : '', one?.description ?? '']
        .filter(Boolean)
        .join(', '),
    }));
  }

  #agents = new Map<string, Loaded<Agent>>();

  #agent(name: string): Loaded<Agent> {
    const known = this.#agents.get(name);
    if (known) return known;
    // Apart from whatever draws it, which would not hear of its own state otherwise.
    const read = untrack(
      () =>
        new Loaded(async (signal) => {
          const params = { path: { name } };
          return (await data(api.GET('/api/v1/agents/{name}', { params, signal }))) as Agent;
        }),
    );
    this.#agents.set(name, read);
    // It is asked for while something is drawn, which must not change anything that is drawn.
    queueMicrotask(() => void read.refresh());
    return read;
  }

  /** Writes a value into the document; `undefined` takes it away. */
  set(path: Path, value: unknown): void {
    const what = path.findLast((part) => typeof part === 'string');
    this.builder.edit(`changing ${what}`, (text) => setValue(text, path, value));
  }
}

export function provideForm(form: Form): void {
  setContext(KEY, form);
}

export function useForm(): Form {
  return getContext<Form>(KEY);
}
