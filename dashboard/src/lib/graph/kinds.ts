/** How each type of node is called and looks: one table for canvas, palette, lists and forms. */
import Bot from '@lucide/svelte/icons/bot';
import CircleHelp from '@lucide/svelte/icons/circle-question-mark';
import Clock from '@lucide/svelte/icons/clock';
import GitBranch from '@lucide/svelte/icons/git-branch';
import GitFork from '@lucide/svelte/icons/git-fork';
import GitMerge from '@lucide/svelte/icons/git-merge';
import List from '@lucide/svelte/icons/list';
import Radio from '@lucide/svelte/icons/radio';
import Repeat from '@lucide/svelte/icons/repeat';
import UserRoundCheck from '@lucide/svelte/icons/user-round-check';
import Variable from '@lucide/svelte/icons/variable';
import Workflow from '@lucide/svelte/icons/workflow';
import Wrench from '@lucide/svelte/icons/wrench';
import type { Tone } from '$lib/status';

export interface Kind {
  label: string;
  /** What it is for. */
  does: string;
  group: 'Work' | 'People' | 'Flow' | 'Data';
  tone: Tone;
  icon: typeof Bot;
}

const kinds: Record<string, Kind> = {
  agent_call: { label: 'Agent', does: 'Calls an agent', group: 'Work', tone: 'blue', icon: Bot },
  tool_call: { label: 'Tool', does: 'Calls a tool', group: 'Work', tone: 'blue', icon: Wrench },
  workflow: { label: 'Workflow', does: 'Runs another workflow', group: 'Work', tone: 'blue', icon: Workflow },
  human_gate: { label: 'Approval', does: 'Asks a person', group: 'People', tone: 'violet', icon: UserRoundCheck },
  condition: { label: 'Condition', does: 'Goes on, or chooses a way', group: 'Flow', tone: 'amber', icon: GitBranch },
  parallel: { label: 'Parallel', does: 'Opens branches', group: 'Flow', tone: 'amber', icon: GitFork },
  join: { label: 'Join', does: 'Gathers branches', group: 'Flow', tone: 'amber', icon: GitMerge },
  map: { label: 'Map', does: 'The same for each item of a list', group: 'Flow', tone: 'amber', icon: List },
  loop: { label: 'Loop', does: 'The same until something holds', group: 'Flow', tone: 'amber', icon: Repeat },
  wait: { label: 'Wait', does: 'For a time or a signal', group: 'Flow', tone: 'amber', icon: Clock },
  emit: { label: 'Emit', does: 'Writes an event to the feed', group: 'Data', tone: 'green', icon: Radio },
  transform: { label: 'Transform', does: 'Makes a value', group: 'Data', tone: 'green', icon: Variable },
};

export function kindOf(type: string): Kind {
  return (
    kinds[type] ?? { label: type || 'Step', does: 'Of a type that is not known', group: 'Data', tone: 'grey', icon: CircleHelp }
  );
}

export const KIND_GROUPS = ['Work', 'People', 'Flow', 'Data'] as const;
