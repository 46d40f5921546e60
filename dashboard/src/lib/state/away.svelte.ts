/** Whether the daemon is away: the connection to it was lost, and is not back after a moment. Then nothing can be asked of it. */
import { clock } from './clock.svelte';
import { pulse } from './pulse.svelte';

/** A connection that is back at once is nobody's business. */
const SHORT = 1_500;

export const away = {
  /** Since when what is shown may be old. */
  get since(): number | null {
    return pulse.feed.staleSince;
  },

  /** For how long, in milliseconds. */
  get time(): number {
    return pulse.feed.staleSince === null ? 0 : clock.wall - pulse.feed.staleSince;
  },

  get is(): boolean {
    return pulse.feed.state === 'stale' && away.time > SHORT;
  },
};

/** Why something cannot be pressed, for whoever points at it. */
export const NOT_NOW = 'Not now: the daemon does not answer';
