/** What the parts of one graph share: the parts are made by the canvas, so that it cannot be handed to them as properties. */
import { getContext, setContext } from 'svelte';
import { family, kinOf, type Kin } from './kin';
import type { Direction } from './layout';
import type { FlowDiff, FlowEdge, FlowState } from './types';

const KEY = Symbol('graph');

export class GraphView {
  states = $state.raw<ReadonlyMap<string, FlowState>>(new Map());
  critical = $state.raw<ReadonlySet<string>>(new Set());
  diff = $state.raw<ReadonlyMap<string, FlowDiff>>(new Map());
  selected = $state<string | null>(null);
  direction = $state<Direction>('right');
  edges = $state.raw<FlowEdge[]>([]);
  /** One points at it, or has come to it with the keyboard. */
  pointed = $state<string | null>(null);
  /** The one that the tab key comes to. */
  entry = $state<string | null>(null);
  kin: Kin = $derived(kinOf(this.edges));
  /** What is related to what one points at; nothing else is dimmed without it. */
  lit: ReadonlySet<string> | null = $derived(this.pointed === null ? null : family(this.kin, this.pointed));

  select: (id: string | null) => void = () => {};
  /** Brings a node into sight and sets the focus on it. */
  reveal: (id: string, focus: boolean) => void = () => {};
}

export function provideView(view: GraphView): GraphView {
  return setContext(KEY, view);
}

export function useView(): GraphView {
  return getContext<GraphView>(KEY);
}
