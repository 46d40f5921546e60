/** The time, for what says how long something takes or how long ago it was. It moves once a second while anybody looks. */
import { createSubscriber } from 'svelte/reactivity';
import { pulse } from './pulse.svelte';

const subscribe = createSubscriber((update) => {
  const timer = setInterval(update, 1000);
  return () => clearInterval(timer);
});

export const clock = {
  /**
   * Milliseconds of the epoch until which it is known how things stand; reading it in a component keeps that up to date. While the
   * daemon is away it stands still: nobody knows whether what ran then runs still.
   */
  get now(): number {
    const { staleSince } = pulse.feed;
    return staleSince === null ? clock.wall : Math.min(staleSince, Date.now());
  },

  /** The same, and it goes on whatever happens: for what is so long ago, and for what ends at a time that was said before. */
  get wall(): number {
    subscribe();
    return Date.now();
  },
};
