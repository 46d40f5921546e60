/** How types of nodes look and are called. */
import Bot from '@lucide/svelte/icons/bot';
import CircleDot from '@lucide/svelte/icons/circle-dot';
import GitFork from '@lucide/svelte/icons/git-fork';
import Hourglass from '@lucide/svelte/icons/hourglass';
import Layers from '@lucide/svelte/icons/layers';
import Megaphone from '@lucide/svelte/icons/megaphone';
import Merge from '@lucide/svelte/icons/merge';
import Repeat from '@lucide/svelte/icons/repeat';
import Split from '@lucide/svelte/icons/split';
import SquareFunction from '@lucide/svelte/icons/square-function';
import UserCheck from '@lucide/svelte/icons/user-check';
import WorkflowIcon from '@lucide/svelte/icons/workflow';
import Wrench from '@lucide/svelte/icons/wrench';
import type { Icon } from '$lib/ui/icon';

export interface TypeLook {
  label: string;
  icon: Icon;
}

export const NODE_TYPES: Record<string, TypeLook> = {
  agent_call: { label: 'Agent', icon: Bot },
  tool_call: { label: 'Tool', icon: Wrench },
  human_gate: { label: 'Gate', icon: UserCheck },
  condition: { label: 'Condition', icon: GitFork },
  parallel: { label: 'Parallel', icon: Split },
  join: { label: 'Join', icon: Merge },
  map: { label: 'Map', icon: Layers },
  loop: { label: 'Loop', icon: Repeat },
  workflow: { label: 'Workflow', icon: WorkflowIcon },
  wait: { label: 'Wait', icon: Hourglass },
  emit: { label: 'Emit', icon: Megaphone },
  transform: { label: 'Transform', icon: SquareFunction },
};

export function typeLook(type: string | undefined): TypeLook {
  return (type ? NODE_TYPES[type] : undefined) ?? { label: type ?? 'Step', icon: CircleDot };
}
