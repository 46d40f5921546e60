/** What is said of agents: how well they do, and which of them somebody looks for. */
import Bot from '@lucide/svelte/icons/bot';
import Box from '@lucide/svelte/icons/box';
import Globe from '@lucide/svelte/icons/globe';
import Plug from '@lucide/svelte/icons/plug';
import SquareTerminal from '@lucide/svelte/icons/square-terminal';
import type { components } from '$lib/api/schema';
import type { Tone } from '$lib/status';

export type AgentSummary = components['schemas']['AgentSummary'];
export type Agent = components['schemas']['Agent'];
export type Statistics = components['schemas']['AgentStatistics'];

export interface Filter {
  q: string;
  kind: string;
  capability: string;
  state: string;
}

/** Agents that fit everything that is asked for; every word has to be in name, description or capabilities. */
export function filtered(agents: AgentSummary[], filter: Filter): AgentSummary[] {
  const words = filter.q.toLowerCase().split(/\s+/).filter(Boolean);
  return agents.filter((agent) => {
    const text = [agent.name, agent.description, ...agent.capabilities].join(' ').toLowerCase();
    return (
      words.every((word) => text.includes(word)) &&
      (!filter.kind || agent.kind === filter.kind) &&
      (!filter.capability || agent.capabilities.includes(filter.capability)) &&
      (!filter.state || (filter.state === 'enabled') === agent.enabled)
    );
  });
}

/** What there is to choose from, each with how many agents have it; the most frequent first. */
export function choices(
  agents: AgentSummary[],
  of: (agent: AgentSummary) => (string | null | undefined)[],
): [string, number][] {
  const counts = new Map<string, number>();
  for (const value of agents.flatMap(of)) if (value) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].sort(([a, m], [b, n]) => n - m || a.localeCompare(b));
}

export interface Health {
  label: string;
  tone: Tone;
  status: string;
  why: string;
}

/** There is no probe of agents yet: how they are is told from how their calls went, and said so. */
export function healthOf(agent: AgentSummary, statistics: Statistics | null | undefined): Health {
  if (!agent.enabled) {
    return {
      label: 'Disabled',
      tone: 'grey',
      status: 'cancelled',
      why: agent.disabled_reason || 'It is not called any more.',
    };
  }
  if (!statistics) {
    return { label: 'Enabled', tone: 'grey', status: 'pending', why: 'How its calls went is not known yet.' };
  }
  if (statistics.finished === 0) {
    return {
      label: 'Not called yet',
      tone: 'grey',
      status: 'pending',
      why: 'No call has ended since the daemon was started.',
    };
  }
  const share = statistics.success_rate ?? 1;
  const why = `${statistics.failed} of ${statistics.finished} calls failed.`;
  if (share >= 0.95) return { label: 'Well', tone: 'green', status: 'completed', why };
  if (share >= 0.5) return { label: 'Fails at times', tone: 'amber', status: 'retrying', why };
  return { label: 'Failing', tone: 'red', status: 'failed', why };
}

export const KINDS: Record<string, { label: string; icon: typeof Bot }> = {
  command: { label: 'Command', icon: SquareTerminal },
  http: { label: 'HTTP', icon: Globe },
  builtin: { label: 'Built in', icon: Box },
  llm: { label: 'Language model', icon: Bot },
  mcp: { label: 'MCP', icon: Plug },
  a2a: { label: 'A2A', icon: Plug },
};

export function kindOf(kind: string | null | undefined): { label: string; icon: typeof Bot } {
  return (kind && KINDS[kind]) || { label: kind || 'Unknown', icon: Bot };
}

export const EFFECTS: Record<string, { label: string; tone: Tone; why: string }> = {
  read: { label: 'Reads', tone: 'grey', why: 'It changes nothing outside.' },
  idempotent: {
    label: 'Idempotent',
    tone: 'blue',
    why: 'Calling it twice does the same as calling it once.',
  },
  write: { label: 'Writes', tone: 'amber', why: 'Calling it twice may do something twice.' },
};

export const MANAGED: Record<string, string> = {
  file: 'a file',
  api: 'the API',
  built_in: 'the daemon itself',
};

/** Where in a workflow an agent is named, by itself or by something that it can do: the ids of the nodes. */
export function usesIn(definition: unknown, agent: { name: string; capabilities: string[] }): string[] {
  const nodes = (definition as { nodes?: Record<string, unknown> } | null)?.nodes;
  if (!nodes || typeof nodes !== 'object') return [];
  return Object.entries(nodes)
    .filter(([, node]) => names(node, agent, 0))
    .map(([id]) => id);
}

function names(value: unknown, agent: { name: string; capabilities: string[] }, depth: number): boolean {
  if (typeof value !== 'object' || value === null || depth > 8) return false;
  if (Array.isArray(value)) return value.some((inner) => names(inner, agent, depth + 1));
  return Object.entries(value).some(
    ([key, inner]) =>
      ((key === 'agent' || key === 'tool') && inner === agent.name) ||
      (key === 'fallbacks' && Array.isArray(inner) && inner.includes(agent.name)) ||
      (key === 'capability' && typeof inner === 'string' && agent.capabilities.includes(inner)) ||
      // What is given to a step is data, whatever its keys are called.
      (key !== 'input' && key !== 'value' && names(inner, agent, depth + 1)),
  );
}
