/**
 * The agents of the daemon and how their calls go. Lists carry no statistics, so these are read agent by agent: for those somebody looks
 * at, and again when events say that their calls began or ended.
 */
import { SvelteMap } from 'svelte/reactivity';
import { api, data, idempotencyKey } from '$lib/api/client';
import type { Recorded } from '$lib/feed/decode';
import { Loaded } from '$lib/state/load.svelte';
import { notices } from '$lib/state/notices.svelte';
import { pulse } from '$lib/state/pulse.svelte';
import type { AgentSummary, Statistics } from './agents';

/** Of a busy daemon statistics are read at most so often. */
const PAUSE = 1_000;
/** So many are read at the same time. */
const AT_ONCE = 4;

class Agents {
  list = new Loaded<AgentSummary[]>(
    async (signal) => (await data(api.GET('/api/v1/agents', { signal }))).items,
  );
  statistics = new SvelteMap<string, Statistics>();

  #wanted = new Set<string>();
  #looked = new Map<string, number>();
  #due: ReturnType<typeof setTimeout> | undefined;

  /** Follows the feed; answers how to stop. */
  start(): () => void {
    void this.list.refresh();
    const stop = pulse.listen(
      (events) => this.#hear(events),
      () => {
        void this.list.refresh();
        this.#want([...this.#looked.keys()], 0);
      },
    );
    return () => {
      stop();
      this.list.stop();
      clearTimeout(this.#due);
      this.#due = undefined;
      this.#wanted.clear();
    };
  }

  /** Somebody looks at this agent from now on; answers how to stop. */
  look(name: string): () => void {
    this.#looked.set(name, (this.#looked.get(name) ?? 0) + 1);
    this.#want([name], 0);
    return () => {
      const left = (this.#looked.get(name) ?? 1) - 1;
      if (left > 0) this.#looked.set(name, left);
      else this.#looked.delete(name);
    };
  }

  /** Enables or disables it: shown at once, and taken back if the daemon refuses. */
  async switch(agent: AgentSummary, enabled: boolean, reason = ''): Promise<boolean> {
    const back = this.list.optimistic((list) =>
      list.map((one) =>
        one.name === agent.name ? { ...one, enabled, disabled_reason: enabled ? null : reason } : one,
      ),
    );
    const params = { path: { name: agent.name } };
    const headers = { 'Idempotency-Key': idempotencyKey() };
    try {
      if (enabled) await api.POST('/api/v1/agents/{name}/enable', { params, headers });
      else await api.POST('/api/v1/agents/{name}/disable', { params, headers, body: { reason } });
    } catch (error) {
      back();
      notices.failed(`${agent.name} was not ${enabled ? 'enabled' : 'disabled'}`, error);
      return false;
    }
    notices.say({
      tone: 'good',
      title: `${agent.name} is ${enabled ? 'enabled' : 'disabled'}`,
      undo: () => void this.switch({ ...agent, enabled }, !enabled, agent.disabled_reason ?? ''),
    });
    return true;
  }

  #hear(events: Recorded[]): void {
    if (events.some((event) => event.type.startsWith('agent.'))) void this.list.refresh();
    const called = new Set(
      events.filter((event) => event.type === 'step.started').map((event) => String(event.data.agent)),
    );
    const hasEnded = events.some((event) =>
      /^step\.(completed|failed|retrying|interrupted|cancelled)$/.test(event.type),
    );
    const concerned = [...this.#looked.keys()].filter(
      (name) => called.has(name) || (hasEnded && (this.statistics.get(name)?.in_flight ?? 0) > 0),
    );
    this.#want(concerned, PAUSE);
  }

  #want(names: string[], wait: number): void {
    if (names.length === 0) return;
    names.forEach((name) => this.#wanted.add(name));
    this.#due ??= setTimeout(() => void this.#read(), wait);
  }

  async #read(): Promise<void> {
    const names = [...this.#wanted];
    this.#wanted.clear();
    const next = async (): Promise<void> => {
      for (let name = names.pop(); name !== undefined; name = names.pop()) {
        try {
          const agent = await data(api.GET('/api/v1/agents/{name}', { params: { path: { name } } }));
          if (agent.statistics) this.statistics.set(name, agent.statistics);
        } catch {
          // The list says what is wrong; here the figures stay as they were.
        }
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, next));
    this.#due = undefined;
    if (this.#wanted.size > 0) this.#want([...this.#wanted], PAUSE);
  }
}

export const agents = new Agents();
