/** One workflow with everything about it, kept up to date by events. */
import { api, data } from '$lib/api/client';
import { runCounts, type RunCounts } from '$lib/api/numbers';
import type { components } from '$lib/api/schema';
import type { Run } from '$lib/runs/words';
import { Loaded } from '$lib/state/load.svelte';
import { notices } from '$lib/state/notices.svelte';
import { pulse } from '$lib/state/pulse.svelte';
import { graphOf, type Graph } from '../builder/model/graph';
import { read } from '../builder/model/text';
import { workflowOf } from './rows';

export type Workflow = components['schemas']['Workflow'];
export type Version = components['schemas']['WorkflowVersion'];
/** So many of the latest runs are shown, and what is said of durations is of them. */
export const RUNS_SHOWN = 100;
/** Runs come in faster than anybody reads: they are read anew no more often than this (milliseconds). */
const RUNS_AFTER = 800;

export class Detail {
  workflow: Loaded<Workflow>;
  versions: Loaded<Version[]>;
  runs: Loaded<Run[]>;
  counts: Loaded<RunCounts>;
  etag: string | null = null;
  #waiting: ReturnType<typeof setTimeout> | undefined;

  constructor(
    readonly name: string,
    version: () => number | null,
  ) {
    const path = { name };
    this.workflow = new Loaded(async (signal) => {
      const wanted = version();
      const answer = await api.GET('/api/v1/workflows/{name}', {
        params: { path, query: wanted === null ? {} : { version: wanted } },
        signal,
      });
      const workflow = answer.data as Workflow;
      if (workflow.version === workflow.latest_version) this.etag = answer.response.headers.get('etag');
      return workflow;
    });
    this.versions = new Loaded(async (signal) => {
      const page = await data(
        api.GET('/api/v1/workflows/{name}/versions', { params: { path, query: { limit: 200 } }, signal }),
      );
      return page.items;
    });
    this.runs = new Loaded(async (signal) => {
      const query = { limit: RUNS_SHOWN };
      return (await data(api.GET('/api/v1/workflows/{name}/runs', { params: { path, query }, signal })))
        .items as Run[];
    });
    this.counts = new Loaded((signal) => runCounts({ workflow: name }, signal));
  }

  graph = $derived.by<Graph>(() => {
    const workflow = this.workflow.value;
    if (!workflow) return graphOf({});
    // In the order in which somebody wrote it; the canonical document is sorted.
    const doc = read(workflow.source);
    return graphOf(doc.errors.length === 0 ? doc.toJS() : workflow.definition);
  });

  /** Follows what happens. Which version is shown is for the page to say, and when it is read. */
  start(): () => void {
    const all = () => {
      this.readDefinition();
      this.readRuns();
    };
    void this.versions.refresh();
    this.readRuns();
    const stop = pulse.listen((events) => {
      if (events.some((event) => event.subject.workflow === this.name)) this.readDefinition();
      const own = new Set(this.runs.value?.map((run) => run.id));
      const concerned = events.some((event) => {
        if (!event.type.startsWith('run.')) return false;
        return workflowOf(event.data) === this.name || own.has(event.subject.run ?? '');
      });
      if (concerned) this.#waiting ??= setTimeout(() => this.readRuns(), RUNS_AFTER);
    }, all);
    return () => {
      stop();
      clearTimeout(this.#waiting);
      [this.workflow, this.versions, this.runs, this.counts].forEach((one) => one.stop());
    };
  }

  readDefinition(): void {
    void this.workflow.refresh();
    void this.versions.refresh();
  }

  readRuns(): void {
    clearTimeout(this.#waiting);
    this.#waiting = undefined;
    void this.runs.refresh();
    void this.counts.refresh();
  }

  async source(version: number, signal?: AbortSignal): Promise<string> {
    const params = { path: { name: this.name }, query: { version } };
    return (await data(api.GET('/api/v1/workflows/{name}', { params, ...(signal ? { signal } : {}) })))
      .source;
  }

  async setVisibility(visibility: 'private' | 'public'): Promise<void> {
    const back = this.workflow.optimistic((value) => ({ ...value, visibility }));
    try {
      await data(
        api.PUT('/api/v1/workflows/{name}/visibility', {
          params: { path: { name: this.name } },
          body: { visibility },
        }),
      );
    } catch (error) {
      back();
      notices.failed('The visibility could not be changed', error);
    }
  }

  /** Makes an earlier version the next one. */
  async rollback(version: number, message: string): Promise<void> {
    const latest = this.versions.value?.[0]?.version;
    const saved = await data(
      api.POST('/api/v1/workflows/{name}/rollback', {
        params: { path: { name: this.name } },
        body: { version, ...(message ? { message } : {}) },
        ...(this.etag ? { headers: { 'If-Match': this.etag } } : {}),
      } as never),
    );
    this.readDefinition();
    notices.say({
      tone: 'good',
      title: `Version ${version} is version ${(saved as { version: number }).version} now`,
      ...(latest === undefined ? {} : { undo: () => void this.#back(latest) }),
    });
  }

  async #back(version: number): Promise<void> {
    try {
      await this.rollback(version, 'Undone');
    } catch (error) {
      notices.failed('It could not be undone', error);
    }
  }

  async remove(): Promise<boolean> {
    try {
      await api.DELETE('/api/v1/workflows/{name}', { params: { path: { name: this.name } } });
      notices.say({
        tone: 'good',
        title: `${this.name} was deleted`,
        text: 'It takes no new runs. Its versions and runs stay.',
        undo: () => void this.restore(),
      });
      return true;
    } catch (error) {
      notices.failed(`${this.name} could not be deleted`, error);
      return false;
    }
  }

  async restore(): Promise<void> {
    try {
      await data(api.POST('/api/v1/workflows/{name}/restore', { params: { path: { name: this.name } } }));
      notices.say({ tone: 'good', title: `${this.name} is back` });
      this.readDefinition();
    } catch (error) {
      notices.failed(`${this.name} could not be restored`, error);
    }
  }
}
