/** The time, for what says how long ago something was. It moves once a second while anybody looks. */
import { createSubscriber } from 'svelte/reactivity';

const subscribe = createSubscriber((update) => {
  const timer = setInterval(update, 1000);
  return () => clearInterval(timer);
});

export const clock = {
  /** Milliseconds of the epoch; reading it in a component keeps that up to date. */
  get now(): number {
    subscribe();
    return Date.now();
  },
};
