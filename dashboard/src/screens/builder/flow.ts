/** From a graph to what the canvas draws. */
import { MarkerType, Position, type Edge, type Node } from '@xyflow/svelte';
import { duration, plural } from '$lib/format';
import { kindOf } from '$lib/graph/kinds';
import type { Direction } from '$lib/graph/layout';
import type { Builder } from './builder.svelte';
import { isAlone, type Box } from './model/attach';
import type { GraphNode } from './model/graph';
import { caseX, caseY, heightOf, NODE_WIDTH } from './model/size';

export type Places = ReadonlyMap<string, { x: number; y: number }>;

export function flowNodes(builder: Builder, places: Places, showPlan: boolean, direction: Direction): Node[] {
  const counts = countsOf(builder);
  const planned = new Map((showPlan ? (builder.plan?.nodes ?? []) : []).map((node) => [node.id, node]));
  const selected = new Set(builder.selected);
  return builder.graph.nodes.map((node) => {
    const [errors, warnings] = counts.get(node.id) ?? [0, 0];
    const plan = planned.get(node.id);
    const position = builder.moved[node.id] ?? places.get(node.id) ?? { x: 0, y: 0 };
    const height = heightOf(node, direction);
    const alone = isAlone(builder.graph, node.id);
    return {
      id: node.id,
      type: 'step',
      position,
      width: NODE_WIDTH,
      height,
      handles: handlesOf(node, height, direction),
      selected: selected.has(node.id),
      draggable: !builder.broken,
      connectable: !builder.broken,
      ariaLabel: spoken(node, errors, warnings, alone),
      data: {
        node,
        errors,
        warnings,
        critical: plan?.critical ?? false,
        estimate: plan && plan.estimate.p50_ms > 0 ? duration(plan.estimate.p50_ms) : '',
        depth: builder.depth,
        direction,
        alone,
      },
    };
  });
}

export function flowEdges(builder: Builder, showPlan: boolean): Edge[] {
  const path = showPlan ? (builder.plan?.critical_path ?? []) : [];
  const critical = new Set(path.slice(1).map((id, at) => `${path[at]}>${id}`));
  return builder.graph.edges.map((edge) => {
    const isCritical = critical.has(`${edge.from}>${edge.to}`);
    const isChosen = edge.id === builder.selectedEdge;
    return {
      id: edge.id,
      type: 'step',
      source: edge.from,
      target: edge.to,
      sourceHandle: edge.source === 'cases' ? `case-${edge.path[3]}` : null,
      selected: isChosen,
      // What is chosen lies above what crosses it.
      zIndex: isChosen ? 1 : 0,
      data: { edge, critical: isCritical },
      markerEnd: {
        type: MarkerType.ArrowClosed,
        width: 15,
        height: 15,
        markerUnits: 'userSpaceOnUse',
        color: colourOf(edge.source, isChosen, isCritical),
      },
      ariaLabel: `From ${edge.from} to ${edge.to}, ${edge.kind}${edge.label ? `, ${edge.label}` : ''}`,
    };
  });
}

function colourOf(source: string, isChosen: boolean, isCritical: boolean): string {
  if (isChosen) return 'var(--focus)';
  if (isCritical) return 'var(--accent)';
  return source === 'goto' ? 'var(--red)' : 'var(--faint)';
}

/** What a node covers. */
export function boxOf({ id, position, width = 0, height = 0 }: Node): Box {
  return { id, ...position, width, height };
}

/** The box around all of it. */
export function boundsOf(nodes: readonly Node[]): { x: number; y: number; width: number; height: number } {
  const left = Math.min(...nodes.map((node) => node.position.x));
  const top = Math.min(...nodes.map((node) => node.position.y));
  const right = Math.max(...nodes.map((node) => node.position.x + (node.width ?? 0)));
  const bottom = Math.max(...nodes.map((node) => node.position.y + (node.height ?? 0)));
  return { x: left, y: top, width: right - left, height: bottom - top };
}

function handlesOf(node: GraphNode, height: number, direction: Direction): NonNullable<Node['handles']> {
  const size = { width: 12, height: 12 };
  const isDown = direction === 'down';
  const into = isDown
    ? { type: 'target' as const, position: Position.Top, x: NODE_WIDTH / 2 - 6, y: -6, ...size }
    : { type: 'target' as const, position: Position.Left, x: -6, y: height / 2 - 6, ...size };
  const right = { type: 'source' as const, position: Position.Right, x: NODE_WIDTH - 6, ...size };
  if (node.cases.length > 0) {
    const below = { ...right, position: Position.Bottom, y: height - 6 };
    const ways = node.cases.map((_, at) =>
      isDown ? { ...below, x: caseX(at, node.cases.length) - 6 } : { ...right, y: caseY(at) - 6 },
    );
    return [into, ...ways.map((way, at) => ({ ...way, id: `case-${at}` }))];
  }
  if (!isDown) return [into, { ...right, y: height / 2 - 6 }];
  return [into, { ...right, position: Position.Bottom, x: NODE_WIDTH / 2 - 6, y: height - 6 }];
}

function spoken(node: GraphNode, errors: number, warnings: number, alone: boolean): string {
  return [
    node.id,
    kindOf(node.type).label,
    node.summary,
    errors > 0 ? plural(errors, 'mistake') : warnings > 0 ? plural(warnings, 'warning') : '',
    alone ? 'not connected' : '',
  ]
    .filter(Boolean)
    .join(', ');
}

function countsOf(builder: Builder): Map<string, [number, number]> {
  const counts = new Map<string, [number, number]>();
  for (const { node, severity } of builder.problems) {
    if (!node || severity === 'info') continue;
    const [errors, warnings] = counts.get(node) ?? [0, 0];
    counts.set(node, severity === 'error' ? [errors + 1, warnings] : [errors, warnings + 1]);
  }
  return counts;
}
