/**
 * Where the nodes of a graph go: ELK's layered layout (Sugiyama), computed in a worker so that a graph of ten thousand nodes does not
 * hold up the page. What was computed for a shape is kept: while a run goes on its graph does not change.
 */
import ELK, { type ElkNode } from 'elkjs/lib/elk-api';
import workerAddress from 'elkjs/lib/elk-worker.min.js?worker&url';

import { layoutByLevels } from './levels';

export interface LayoutNode {
  id: string;
  width: number;
  height: number;
}

export interface LayoutEdge {
  id: string;
  source: string;
  target: string;
}

export interface Placed {
  /** Upper left corners. */
  nodes: Map<string, { x: number; y: number }>;
  width: number;
  height: number;
}

export type Direction = 'right' | 'down';

interface Policies {
  createPolicy(
    name: string,
    rules: { createScriptURL: (url: string) => string },
  ): { createScriptURL(url: string): string };
}

/**
 * The page may run no script by an address that is a mere text (Trusted Types): the policy gives the one of the worker, and no other.
 */
function startWorker(): Worker {
  const policies = (globalThis as { trustedTypes?: Policies }).trustedTypes;
  const policy = policies?.createPolicy('ghostlight-worker', {
    createScriptURL: (url) => {
      if (url !== workerAddress) throw new TypeError('not the address of the worker');
      return url;
    },
  });
  return new Worker(policy ? policy.createScriptURL(workerAddress) : workerAddress, { type: 'module' });
}

let elk: InstanceType<typeof ELK> | undefined;
const kept = new Map<string, Promise<Placed>>();
const KEPT_MAX = 20;
/** From so many nodes or edges on the layered layout would take seconds. */
const LAYERED_NODES_MAX = 600;
const LAYERED_EDGES_MAX = 1500;

/** Starts the worker before there is anything to place: it takes a moment to load. */
export function warmUp(): void {
  try {
    elk ??= new ELK({ workerFactory: startWorker });
  } catch {
    // Told when something is to be placed.
  }
}

/** Places nodes; edges to or from nodes that are not there are left out. */
export function layout(
  nodes: LayoutNode[],
  edges: LayoutEdge[],
  direction: Direction = 'right',
): Promise<Placed> {
  const key = JSON.stringify([direction, nodes, edges.map((edge) => [edge.source, edge.target])]);
  const known = kept.get(key);
  if (known) return known;
  const placed = compute(nodes, edges, direction);
  kept.set(key, placed);
  placed.catch(() => kept.delete(key));
  if (kept.size > KEPT_MAX) kept.delete(kept.keys().next().value as string);
  return placed;
}

async function compute(nodes: LayoutNode[], edges: LayoutEdge[], direction: Direction): Promise<Placed> {
  if (nodes.length > LAYERED_NODES_MAX || edges.length > LAYERED_EDGES_MAX) {
    return layoutByLevels(nodes, edges, direction);
  }
  try {
    return await layered(nodes, edges, direction);
  } catch (error) {
    // A browser that starts no worker: a plainer picture is better than none.
    console.warn('the layered layout could not be computed', error);
    return layoutByLevels(nodes, edges, direction);
  }
}

async function layered(nodes: LayoutNode[], edges: LayoutEdge[], direction: Direction): Promise<Placed> {
  elk ??= new ELK({ workerFactory: startWorker });
  const ids = new Set(nodes.map((node) => node.id));
  const graph: ElkNode = {
    id: 'root',
    layoutOptions: {
      'elk.algorithm': 'layered',
      'elk.direction': direction === 'right' ? 'RIGHT' : 'DOWN',
      'elk.spacing.nodeNode': '28',
      'elk.layered.spacing.nodeNodeBetweenLayers': '48',
      'elk.layered.nodePlacement.strategy': 'NETWORK_SIMPLEX',
      'elk.layered.considerModelOrder.strategy': 'NODES_AND_EDGES',
      'elk.separateConnectedComponents': 'true',
    },
    children: nodes.map(({ id, width, height }) => ({ id, width, height })),
    edges: edges
      .filter((edge) => ids.has(edge.source) && ids.has(edge.target))
      .map((edge) => ({ id: edge.id, sources: [edge.source], targets: [edge.target] })),
  };
  const done = await elk.layout(graph);
  const places = (done.children ?? []).map((node) => [node.id, { x: node.x ?? 0, y: node.y ?? 0 }] as const);
  return { nodes: new Map(places), width: done.width ?? 0, height: done.height ?? 0 };
}
