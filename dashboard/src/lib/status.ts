/** How each state looks and is called: one table for pills, graphs, timelines and counts. Colour never stands alone. */
import Ban from '@lucide/svelte/icons/ban';
import CircleCheck from '@lucide/svelte/icons/circle-check';
import CircleDashed from '@lucide/svelte/icons/circle-dashed';
import CircleDotDashed from '@lucide/svelte/icons/circle-dot-dashed';
import CirclePause from '@lucide/svelte/icons/circle-pause';
import CircleX from '@lucide/svelte/icons/circle-x';
import Clock from '@lucide/svelte/icons/clock';
import Hourglass from '@lucide/svelte/icons/hourglass';
import Loader from '@lucide/svelte/icons/loader-circle';
import RotateCw from '@lucide/svelte/icons/rotate-cw';
import SkipForward from '@lucide/svelte/icons/skip-forward';
import UserRound from '@lucide/svelte/icons/user-round';

export type Tone = 'blue' | 'green' | 'red' | 'amber' | 'violet' | 'grey';

export interface Look {
  label: string;
  tone: Tone;
  icon: typeof CircleCheck;
  /** Something goes on by itself. */
  moving: boolean;
}

const looks: Record<string, Look> = {
  pending: { label: 'Pending', tone: 'grey', icon: CircleDashed, moving: false },
  ready: { label: 'Ready', tone: 'grey', icon: Hourglass, moving: false },
  running: { label: 'Running', tone: 'blue', icon: Loader, moving: true },
  waiting: { label: 'Waiting', tone: 'violet', icon: Clock, moving: false },
  retrying: { label: 'Retrying', tone: 'amber', icon: RotateCw, moving: false },
  paused: { label: 'Paused', tone: 'amber', icon: CirclePause, moving: false },
  completed: { label: 'Completed', tone: 'green', icon: CircleCheck, moving: false },
  failed: { label: 'Failed', tone: 'red', icon: CircleX, moving: false },
  skipped: { label: 'Skipped', tone: 'grey', icon: SkipForward, moving: false },
  cancelled: { label: 'Cancelled', tone: 'grey', icon: Ban, moving: false },
  approved: { label: 'Approved', tone: 'green', icon: CircleCheck, moving: false },
  rejected: { label: 'Rejected', tone: 'red', icon: CircleX, moving: false },
  expired: { label: 'Expired', tone: 'amber', icon: Hourglass, moving: false },
  partial: { label: 'In part', tone: 'amber', icon: CircleDotDashed, moving: false },
  needs_you: { label: 'Needs you', tone: 'violet', icon: UserRound, moving: false },
};

export function lookOf(status: string): Look {
  return looks[status] ?? { label: status, tone: 'grey', icon: CircleDashed, moving: false };
}

export const RUN_STATUSES = ['pending', 'running', 'paused', 'completed', 'failed', 'cancelled'] as const;

export function isOver(status: string): boolean {
  return status === 'completed' || status === 'failed' || status === 'cancelled' || status === 'skipped';
}

export const RISK_TONES: Record<string, Tone> = {
  low: 'grey',
  medium: 'amber',
  high: 'red',
  critical: 'red',
};
