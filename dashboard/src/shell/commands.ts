/** What the palette offers: screens, what one can do here, and what the daemon has. */
import Bot from '@lucide/svelte/icons/bot';
import Clock from '@lucide/svelte/icons/clock';
import Keyboard from '@lucide/svelte/icons/keyboard';
import LogOut from '@lucide/svelte/icons/log-out';
import Moon from '@lucide/svelte/icons/moon';
import Play from '@lucide/svelte/icons/play';
import Plus from '@lucide/svelte/icons/plus';
import Sun from '@lucide/svelte/icons/sun';
import Workflow from '@lucide/svelte/icons/workflow';
import { api, data } from '$lib/api/client';
import type { components } from '$lib/api/schema';
import { shortId } from '$lib/format';
import { session } from '$lib/state/session.svelte';
import { settings } from '$lib/state/settings.svelte';
import { lookOf } from '$lib/status';
import { overlays } from './overlays.svelte';
import { runIdIn, type Command } from './find';
import { places, settingsPlace } from './places';

type Schemas = components['schemas'];

/** What was read of the daemon for the palette. */
export interface Known {
  workflows: Schemas['WorkflowSummary'][];
  agents: Schemas['AgentSummary'][];
  runs: Schemas['Run'][];
}

/** Words that say what is to be done, and not with what. */
const VERBS = new Set(['start', 'run', 'go', 'to', 'open', 'new', 'show']);

/** The word of a query by which the daemon looks for workflows. */
export function wordFor(query: string): string | undefined {
  const words = query.trim().split(/\s+/);
  return words.filter((word) => !VERBS.has(word.toLowerCase())).toSorted((a, b) => b.length - a.length)[0];
}

/** Reads workflows that fit the query, beside those that are known already, all agents, and the latest runs. */
export async function read(query: string, before: Known | undefined, signal: AbortSignal): Promise<Known> {
  const q = wordFor(query);
  const [found, agents, runs] = await Promise.all([
    data(api.GET('/api/v1/workflows', { params: { query: { limit: 100, ...(q && { q }) } }, signal })),
    data(api.GET('/api/v1/agents', { signal })),
    data(api.GET('/api/v1/runs', { params: { query: { limit: 50 } }, signal })),
  ]);
  const known = new Map(
    [...found.items, ...(before?.workflows ?? [])].map((workflow) => [workflow.name, workflow]),
  );
  return { workflows: [...known.values()], agents: agents.items, runs: runs.items };
}

export function commandsFor(query: string, known: Known | undefined): Command[] {
  const { workflows = [], agents = [], runs = [] } = known ?? {};
  return [
    ...pasted(query, runs),
    ...[...places, settingsPlace].map((place) => ({ id: place.href, group: 'Go to', ...place })),
    ...actions(),
    ...runs.map(ofRun),
    ...workflows.map((workflow) => ({
      id: `workflow/${workflow.name}`,
      group: 'Workflows',
      label: workflow.name,
      hint: workflow.description,
      icon: Workflow,
      href: `/workflows/${workflow.name}`,
    })),
    ...workflows.map((workflow) => ({
      id: `start/${workflow.name}`,
      group: 'Start a run',
      label: `Start ${workflow.name}`,
      words: 'run new',
      icon: Play,
      run: () => overlays.start(workflow.name),
    })),
    ...agents.map((agent) => ({
      id: `agent/${agent.name}`,
      group: 'Agents',
      label: agent.name,
      hint: agent.enabled ? agent.description : `Disabled. ${agent.description}`,
      words: agent.capabilities.join(' '),
      icon: Bot,
      href: `/agents/${agent.name}`,
    })),
  ];
}

function pasted(query: string, runs: Schemas['Run'][]): Command[] {
  const id = runIdIn(query);
  if (!id || runs.some((run) => run.id === id)) return [];
  return [
    {
      id: `run/${id}`,
      group: 'Runs',
      label: `Run …${shortId(id)}`,
      words: query,
      icon: Play,
      href: `/runs/${id}`,
    },
  ];
}

function ofRun(run: Schemas['Run']): Command {
  const look = lookOf(run.status);
  return {
    id: `run/${run.id}`,
    group: 'Runs',
    label: `${run.workflow ?? 'Run'} …${shortId(run.id)}`,
    hint: look.label,
    words: run.id,
    icon: look.icon,
    href: `/runs/${run.id}`,
  };
}

function actions(): Command[] {
  const group = 'Do';
  const isUtc = settings.zone === 'utc';
  const all: Command[] = [
    {
      id: 'theme',
      group,
      label: settings.isDark ? 'Light colours' : 'Dark colours',
      words: 'theme switch mode',
      icon: settings.isDark ? Sun : Moon,
      run: () => settings.set({ theme: settings.isDark ? 'light' : 'dark' }),
    },
    {
      id: 'zone',
      group,
      label: isUtc ? 'Times in local time' : 'Times in UTC',
      words: 'zone clock',
      icon: Clock,
      run: () => settings.set({ zone: isUtc ? 'local' : 'utc' }),
    },
    { id: 'new', group, label: 'New workflow', words: 'create builder', icon: Plus, href: '/workflows/new' },
    {
      id: 'shortcuts',
      group,
      label: 'Keyboard shortcuts',
      words: 'help keys',
      icon: Keyboard,
      keys: '?',
      run: () => (overlays.open = 'shortcuts'),
    },
  ];
  if (session.who?.login) {
    all.push({ id: 'logout', group, label: 'Log out', icon: LogOut, run: () => void session.logout() });
  }
  return all;
}
