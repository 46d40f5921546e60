/** What types of nodes are for, and how they are sorted where one chooses among them. Names and icons are those of every graph. */
import type { Tone } from '$lib/status';
import { typeLook, type TypeLook } from './look';

export interface Kind extends TypeLook {
  /** What it is for. */
  does: string;
  group: 'Work' | 'People' | 'Flow' | 'Data';
  tone: Tone;
}

type More = Pick<Kind, 'does' | 'group'>;

const kinds: Record<string, More> = {
  agent_call: { does: 'Calls an agent', group: 'Work' },
  tool_call: { does: 'Calls a tool', group: 'Work' },
  workflow: { does: 'Runs another workflow', group: 'Work' },
  human_gate: { does: 'Asks a person', group: 'People' },
  condition: { does: 'Goes on, or chooses a way', group: 'Flow' },
  parallel: { does: 'Opens branches', group: 'Flow' },
  join: { does: 'Gathers branches', group: 'Flow' },
  map: { does: 'Does the same for each item of a list', group: 'Flow' },
  loop: { does: 'Does the same until something holds', group: 'Flow' },
  wait: { does: 'Waits for a time or a signal', group: 'Flow' },
  emit: { does: 'Writes an event to the feed', group: 'Data' },
  transform: { does: 'Makes a value', group: 'Data' },
};
const TONES = { Work: 'blue', People: 'violet', Flow: 'amber', Data: 'green' } as const;

export const KIND_GROUPS = ['Work', 'People', 'Flow', 'Data'] as const;

export function kindOf(type: string): Kind {
  const more = kinds[type];
  if (!more)
    return {
      ...typeLook(type || undefined),
      does: 'Is of a type that is not known',
      group: 'Data',
      tone: 'grey',
    };
  return { ...typeLook(type), ...more, tone: TONES[more.group] };
}
