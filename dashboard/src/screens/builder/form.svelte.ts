/** What the forms of nodes need beside the text: the schema of the language, and the agents and workflows that can be named. */
import { tick } from 'svelte';
import { getContext, setContext } from 'svelte';
import { api, data } from '$lib/api/client';
import type { components } from '$lib/api/schema';
import { Loaded } from '$lib/state/load.svelte';
import type { Builder } from './builder.svelte';
import { starterOf, type Field, type Schema } from './model/fields';
import { referencesOf, type Reference } from './model/references';
import { setValue } from './model/operations';
import type { Path } from './model/text';

type Agent = components['schemas']['Agent'];
export type AgentSummary = components['schemas']['AgentSummary'];

interface Takes {
  properties?: Record<string, { type?: unknown; description?: string } | null>;
  required?: string[];
}

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

  /** Agents with everything about them, as far as they were asked for. */
  details = $state.raw<Readonly<Record<string, Agent>>>({});
  #wanted = new Set<string>();

  /** The agent that is called at this place: `path` is that of its input. */
  calleeOf(path: Path): string | null {
    const at = (here: unknown, key: string | number) =>
      typeof here === 'object' && here !== null ? (here as Record<string | number, unknown>)[key] : undefined;
    const call = path.slice(0, -1).reduce<unknown>(at, this.builder.graph.value);
    const name = at(call, 'agent') ?? at(call, 'tool');
    return typeof name === 'string' && this.agentNames.includes(name) ? name : null;
  }

  /** Asks for everything about an agent, once. */
  want(name: string): void {
    if (this.#wanted.has(name)) return;
    this.#wanted.add(name);
    data(api.GET('/api/v1/agents/{name}', { params: { path: { name } } }))
      .then((agent) => (this.details = { ...this.details, [name]: agent as Agent }))
      .catch(() => this.#wanted.delete(name));
  }

  /** What the agent that is called at this place takes. */
  inputOf(path: Path): { key: string; says: string; needed: boolean }[] {
    const name = this.calleeOf(path);
    const schema = (name === null ? null : this.details[name]?.input_schema) as Takes | null | undefined;
    const isNeeded = (key: string) => schema?.required?.includes(key) ?? false;
    const keys = Object.entries(schema?.properties ?? {});
    // What has to be there first.
    keys.sort(([a], [b]) => Number(isNeeded(b)) - Number(isNeeded(a)));
    return keys.map(([key, one]) => ({
      key,
      needed: isNeeded(key),
      says: [String(one?.type ?? ''), isNeeded(key) ? 'needed' : '', one?.description ?? '']
        .filter(Boolean)
        .join(', '),
    }));
  }

  /** Adds a field with what it holds at first; one goes on in it. */
  async add(within: Path, field: Field): Promise<void> {
    const path = [...within, field.key];
    this.set(path, starterOf(field));
    await tick();
    const place = document.querySelector(`[data-field="${CSS.escape(path.join('.'))}"]`);
    // Not the button that takes it away again.
    place?.querySelector<HTMLElement>(':is(input, textarea, select, button):not(.top *)')?.focus();
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
