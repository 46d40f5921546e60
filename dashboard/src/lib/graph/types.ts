/** What a graph shows. It knows nothing of runs: a plan that never ran is drawn by the same component. */

export type EdgeKind = 'hard' | 'soft' | 'optional';

export interface FlowNode {
  id: string;
  /** `agent_call`, `human_gate` ...; chooses the icon. */
  type?: string | undefined;
  /** Shown below the id: who is called, as a rule. */
  detail?: string | null | undefined;
  /** For people; shown when one points at it. */
  description?: string | undefined;
}

export interface FlowEdge {
  from: string;
  to: string;
  kind?: EdgeKind | undefined;
  /** The condition under which it is taken. */
  when?: string | undefined;
  /** It is taken only when `from` failed. */
  onError?: boolean | undefined;
}

/** Where a node of a run stands. */
export interface FlowState {
  status: string;
  /** What it waits for. */
  reason?: string | null | undefined;
  attempts?: number | undefined;
  /** Of a map or loop: how many items or passes of each status. */
  counts?: Readonly<Record<string, number>> | undefined;
  items?: number | null | undefined;
  /** 0 to 1, as the agent says it. */
  progress?: number | null | undefined;
  startedAt?: string | null | undefined;
  durationMs?: number | null | undefined;
}

export type FlowDiff = 'added' | 'removed' | 'changed';

export interface Graph {
  nodes: FlowNode[];
  edges: FlowEdge[];
}

export const NODE_WIDTH = 216;
export const NODE_HEIGHT = 60;
