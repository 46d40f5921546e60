/** What is looked at: one choice for graph, timeline, steps and events, kept in the URL. */
import { param, setParams } from '$lib/state/url.svelte';

export const TABS = [
  { id: 'timeline', label: 'Timeline' },
  { id: 'steps', label: 'Steps' },
  { id: 'state', label: 'State' },
  { id: 'events', label: 'Events' },
  { id: 'plan', label: 'Plan' },
] as const;
export type TabId = (typeof TABS)[number]['id'];

/** While somebody drags through events the address follows a moment later: browsers refuse to change it at every pixel. */
const ADDRESS_AFTER = 200;
let dragged = $state<{ at: number | null } | null>(null);
/** A step that somebody wants to see, until it is in sight. */
let wanted = $state<string | null>(null);
let later: ReturnType<typeof setTimeout> | undefined;

export const picked = {
  get tab(): TabId {
    const tab = param('tab', 'timeline');
    return TABS.find((one) => one.id === tab)?.id ?? 'timeline';
  },
  get step(): string | null {
    return param('step') || null;
  },
  get attempt(): number | null {
    return Number(param('attempt')) || null;
  },
  /** The event that the state is looked at after; the last one when none is chosen. */
  get at(): number | null {
    return dragged ? dragged.at : Number(param('at')) || null;
  },

  show(tab: TabId): void {
    setParams({ tab: tab === 'timeline' ? null : tab }, true);
  },
  select(step: string | null, attempt: number | null = null): void {
    wanted = null;
    setParams({ step, attempt: attempt === null ? null : String(attempt) });
  },
  /** Shows everything about a step, and leads there. */
  open(step: string, attempt: number | null = null): void {
    wanted = step;
    setParams({ tab: 'steps', step, attempt: attempt === null ? null : String(attempt) }, true);
  },
  get wanted(): string | null {
    return wanted;
  },
  found(): void {
    wanted = null;
  },
  goTo(at: number | null): void {
    dragged = { at };
    clearTimeout(later);
    later = setTimeout(() => {
      setParams({ at: at === null ? null : String(at) });
      dragged = null;
    }, ADDRESS_AFTER);
  },
  /** Another run is shown: nothing of this one is written to its address. */
  leave(): void {
    clearTimeout(later);
    [dragged, wanted] = [null, null];
  },
};
