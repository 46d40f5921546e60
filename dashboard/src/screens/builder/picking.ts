/** How a node on the canvas says that what stands inside of it was chosen. */
import { getContext, setContext } from 'svelte';

export type PickInner = (id: string, depth: number) => void;
const KEY = Symbol('pick');

export function providePick(pick: PickInner): void {
  setContext(KEY, pick);
}

export function usePick(): PickInner {
  return getContext<PickInner>(KEY);
}
