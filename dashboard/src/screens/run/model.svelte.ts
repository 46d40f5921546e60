/**
 * A run as it is on the screen: read once, and then kept true by the run's own feed. Events change the steps that they are about;
 * what they cannot say is read again, as seldom as possible. At most ten times a second anything changes here.
 */
import { api, data } from '$lib/api/client';
import { rawMember } from '$lib/json/lex';
import type { components } from '$lib/api/schema';
import { Feed } from '$lib/feed/feed.svelte';
import type { Live, Recorded } from '$lib/feed/decode';
import { graphOfPlan } from '$lib/graph/plan';
import type { FlowState, Graph } from '$lib/graph/types';
import { Loaded } from '$lib/state/load.svelte';
import { painted } from '$lib/state/painted';
import type { Standing } from '$lib/runs/words';
import { changesAll, foldSpan, momentOf, newStep, pathOf, stepAfter, type Span, type Step } from './fold';
import { hear, type Said } from './live';
import { itemsBy, tally, type Tally } from './tally';
import { waitsOfSteps } from './waiting';

type Run = components['schemas']['Run'];
type RunStatus = components['schemas']['RunStatus'];
type Plan = components['schemas']['Plan'];

/** Progress and expected end are read again at most so often. */
const STATUS_EVERY = 400;

interface StepsRead {
  steps: Map<string, Step>;
  /** They are as they were after this event. */
  sequence: bigint;
}

export interface RunText {
  run: Run;
  /** As it came, for values that are shown byte for byte. */
  text: string;
}

export class RunModel {
  readonly id: string;
  read: Loaded<RunText>;
  status: Loaded<RunStatus>;
  plan: Loaded<Plan>;
  definition: Loaded<unknown>;
  steps = $state.raw<ReadonlyMap<string, Step>>(new Map());
  stepsError = $state.raw<unknown>(undefined);
  /** The steps have been read once. */
  hasSteps = $state(false);
  /** Attempts and questions by their id; read when somebody looks at the timeline. */
  spans = $state.raw<ReadonlyMap<string, Span> | undefined>(undefined);
  spansError = $state.raw<unknown>(undefined);
  said = $state.raw<ReadonlyMap<string, Said>>(new Map());
  /** What was just recorded, for those who follow events or one step. */
  feed: Feed | undefined = $state.raw(undefined);

  run: Run | undefined = $derived.by(() => this.read.value?.run);
  /** As lists show it, with what its steps wait for by now. */
  standing: Standing | undefined = $derived.by(() => {
    const { run } = this;
    return run && (this.hasSteps ? { ...run, ...waitsOfSteps(this.steps.values()) } : run);
  });
  tally: Tally = $derived.by(() => tally(this.steps));
  /** The text of what the run was given, and of what came out. */
  input: string | undefined = $derived.by(() => this.#member('input'));
  output: string | undefined = $derived.by(() => this.#member('output'));
  graph: Graph = $derived.by(() => this.#graph());
  states: ReadonlyMap<string, FlowState> = $derived.by(() => statesOf(this.steps, this.said));
  /** The places of nodes in lists; the daemon lists steps as the plan has them, which comes later. */
  order: ReadonlyMap<string, number> = $derived.by(() => {
    const nodes = this.plan.value?.nodes.map((node) => node.id);
    return placesOf(nodes ?? [...this.steps.keys()].filter((path) => !path.includes('.')));
  });

  #listeners = new Set<(events: Recorded[]) => void>();
  #resets = new Set<() => void>();
  #stepsRead: Loaded<StepsRead>;
  #spansRead: Loaded<Map<string, Span>>;
  /** What came while steps or spans were being read, and before they were read at all: it is told to what has been read. */
  #sinceSteps: Recorded[] | null = [];
  #sinceSpans: Recorded[] | null = null;
  #later: ReturnType<typeof setTimeout> | undefined;
  #closed = false;
  #begun: Promise<void> | undefined;

  constructor(id: string) {
    this.id = id;
    const path = { params: { path: { id } } };
    this.read = new Loaded(async (signal) => {
      const text = await data(api.GET('/api/v1/runs/{id}', { ...path, parseAs: 'text', signal }));
      return { run: JSON.parse(text) as Run, text };
    });
    this.status = new Loaded((signal) => data(api.GET('/api/v1/runs/{id}/status', { ...path, signal })));
    this.plan = new Loaded((signal) => data(api.GET('/api/v1/runs/{id}/plan', { ...path, signal })));
    this.definition = new Loaded((signal) => this.#readDefinition(signal));
    this.#stepsRead = new Loaded(async (signal) => {
      this.#sinceSteps ??= [];
      // The first answer may be under way since before the feed began; what it lacks is kept.
      const query = this.hasSteps ? this.#atLeast() : {};
      const list = await data(
        api.GET('/api/v1/runs/{id}/steps', { params: { path: { id }, query }, signal }),
      );
      return { steps: new Map(list.items.map((step) => [step.path, step])), sequence: BigInt(list.sequence) };
    });
    this.#spansRead = new Loaded(async (signal) => {
      this.#sinceSpans = [];
      const query = { ...this.#atLeast(), format: 'json' };
      const timeline = await data(
        api.GET('/api/v1/runs/{id}/timeline', { params: { path: { id }, query }, signal }),
      );
      return new Map((timeline as components['schemas']['Timeline']).spans.map((span) => [span.id, span]));
    });
  }

  start(): Promise<void> {
    this.#begun = this.#begin();
    return this.#begun;
  }

  async #begin(): Promise<void> {
    await this.read.refresh();
    const run = this.run;
    if (this.#closed || !run) return;
    const after = BigInt(run.sequence);
    this.feed = new Feed({
      path: `/api/v1/runs/${this.id}/feed`,
      live: true,
      after,
      onRecorded: (events) => this.#recorded(events),
      onLive: (events) => this.#live(events),
      onReset: () => this.#reset(),
    }).open();
    // Steps, plan and definition may be megabytes, which are on their way already. Taking them apart keeps the page busy: first
    // one reads how the run stands, then what its steps did, and then sees how they hang together.
    void this.status.refresh();
    await painted();
    if (this.#closed) return;
    void this.plan.refresh();
    await this.#firstSteps(after);
    await painted();
    if (!this.#closed) await this.definition.refresh();
  }

  /** The feed does not tell again what was before the run was read: steps that were read even earlier lack it. */
  async #firstSteps(after: bigint): Promise<void> {
    await this.refreshSteps();
    const read = this.#stepsRead.value;
    if (!this.#closed && read && read.sequence < after) await this.refreshSteps();
  }

  /** Tries again what could not be read. */
  retry(): void {
    if (!this.feed) void this.start();
    else this.#reset();
  }

  stop(): void {
    this.#closed = true;
    clearTimeout(this.#later);
    this.feed?.close();
    for (const read of [this.read, this.status, this.plan, this.definition]) read.stop();
    this.#stepsRead.stop();
    this.#spansRead.stop();
  }

  listen(listener: (events: Recorded[]) => void, onReset: () => void): () => void {
    this.#listeners.add(listener);
    this.#resets.add(onReset);
    return () => {
      this.#listeners.delete(listener);
      this.#resets.delete(onReset);
    };
  }

  async refreshSteps(): Promise<void> {
    await this.#stepsRead.refresh();
    this.stepsError = this.#stepsRead.error;
    const read = this.#stepsRead.value;
    if (this.stepsError) this.#sinceSteps = null;
    if (!read || this.#stepsRead.loading || this.#stepsRead.error) return;
    const since = this.#sinceSteps ?? [];
    this.#sinceSteps = null;
    this.steps = told(
      read.steps,
      since.filter((event) => event.sequence > read.sequence),
    );
    this.hasSteps = true;
  }

  /** Reads attempts and questions, if that has not been done. */
  async wantSpans(): Promise<void> {
    // All that was ever attempted may be twice what the steps are: it comes when the rest of the page stands.
    await this.#begun;
    await painted();
    if (this.#closed) return;
    if (this.spans === undefined && !this.#spansRead.loading) await this.#refreshSpans();
  }

  async #refreshSpans(): Promise<void> {
    await this.#spansRead.refresh();
    this.spansError = this.#spansRead.error;
    if (!this.#spansRead.value || this.#spansRead.loading || this.#spansRead.error) return;
    const spans = new Map(this.#spansRead.value);
    (this.#sinceSpans ?? []).forEach((event) => foldSpan(spans, event));
    this.#sinceSpans = null;
    this.spans = spans;
  }

  /** An answer that is behind what the feed has shown would take something back. */
  #atLeast(): { min_sequence?: string } {
    const seen = this.feed?.seen;
    return seen ? { min_sequence: String(seen) } : {};
  }

  #recorded(events: Recorded[]): void {
    this.#sinceSteps?.push(...events);
    this.#sinceSpans?.push(...events);
    const read = this.#stepsRead.value?.sequence ?? 0n;
    this.steps = told(
      this.steps,
      events.filter((event) => event.sequence > read),
    );
    if (this.spans) {
      const spans = new Map(this.spans);
      let changed = false;
      for (const event of events) changed = foldSpan(spans, event) || changed;
      if (changed) this.spans = spans;
    }
    this.#forget(events);
    if (events.some((event) => changesAll(event.type))) {
      void this.refreshSteps();
      if (this.spans && events.some((event) => event.type.startsWith('run.'))) void this.#refreshSpans();
    }
    if (events.some((event) => event.type.startsWith('run.') || event.type.startsWith('plan.'))) {
      void this.read.refresh();
    }
    if (events.some((event) => event.type === 'plan.revised')) {
      void this.plan.refresh();
      void this.definition.refresh();
    }
    this.#later ??= setTimeout(() => {
      this.#later = undefined;
      void this.status.refresh();
    }, STATUS_EVERY);
    this.#listeners.forEach((listener) => listener(events));
  }

  #live(events: Live[]): void {
    this.said = hear(this.said, events);
  }

  /** What ended says nothing more. */
  #forget(events: Recorded[]): void {
    const gone = events
      .filter((event) => event.type !== 'step.started')
      .map(pathOf)
      .filter((path) => path !== null && this.said.has(path) && this.steps.get(path)?.status !== 'running');
    if (gone.length === 0) return;
    const said = new Map(this.said);
    gone.forEach((path) => path && said.delete(path));
    this.said = said;
  }

  #reset(): void {
    void this.read.refresh();
    void this.status.refresh();
    void this.plan.refresh();
    void this.refreshSteps();
    if (this.spans) void this.#refreshSpans();
    this.#resets.forEach((reset) => reset());
  }

  async #readDefinition(signal: AbortSignal): Promise<unknown> {
    const run = this.run;
    if (!run || run.version === 0) return undefined;
    const params = { path: { name: run.workflow }, query: { version: run.version } };
    const workflow = await data(api.GET('/api/v1/workflows/{name}', { params, signal }));
    return workflow.definition;
  }

  #member(name: 'input' | 'output'): string | undefined {
    const text = this.read.value && rawMember(this.read.value.text, name);
    return text === 'null' && name === 'output' && this.run?.status !== 'completed' ? undefined : text;
  }

  #graph(): Graph {
    const plan = this.plan.value;
    if (!plan) return { nodes: [], edges: [] };
    const graph = graphOfPlan(plan, this.definition.value);
    if (this.definition.value !== undefined) return graph;
    // Without the definition the steps know what they are.
    const types = this.#types();
    return { ...graph, nodes: graph.nodes.map((node) => ({ ...node, type: types.get(node.id) })) };
  }

  #kept = new Map<string, string>();
  /** The same map as long as it says the same: nothing is drawn anew for it. */
  #types(): Map<string, string> {
    const found = new Map<string, string>();
    for (const [path, step] of this.steps) if (!path.includes('.') && step.type) found.set(path, step.type);
    const same =
      found.size === this.#kept.size && [...found].every(([id, type]) => this.#kept.get(id) === type);
    if (!same) this.#kept = found;
    return this.#kept;
  }
}

function placesOf(nodes: string[]): ReadonlyMap<string, number> {
  return new Map(nodes.map((node, at) => [node, at] as const));
}

/** Steps after events. */
function told(steps: ReadonlyMap<string, Step>, events: Recorded[]): ReadonlyMap<string, Step> {
  let next: Map<string, Step> | undefined;
  for (const event of events) {
    const moment = momentOf(event);
    if (!moment) continue;
    next ??= new Map(steps);
    next.set(moment.path, stepAfter(next.get(moment.path) ?? newStep(moment.path), moment, event.time));
  }
  return next ?? steps;
}

/** How the nodes of the graph stand: of maps and loops also how their items do. */
export function statesOf(
  steps: ReadonlyMap<string, Step>,
  said: ReadonlyMap<string, Said>,
): ReadonlyMap<string, FlowState> {
  const counts = itemsBy(steps);
  const states = new Map<string, FlowState>();
  for (const [path, step] of steps) {
    if (path.includes('.')) continue;
    states.set(path, {
      status: step.status,
      reason: step.reason,
      attempts: step.attempts,
      counts: counts.get(path),
      items: step.items,
      progress: said.get(path)?.ratio,
      startedAt: step.started_at,
      durationMs: step.duration_ms,
    });
  }
  return states;
}
