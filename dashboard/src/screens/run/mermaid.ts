/** A graph as a Mermaid flow chart, for a run whose definition nobody has saved. */
import type { FlowState, Graph } from '$lib/graph/types';

export function mermaid(graph: Graph, states: ReadonlyMap<string, FlowState>): string {
  const names = new Map(graph.nodes.map((node, at) => [node.id, `n${at}`] as const));
  const lines = ['flowchart LR'];
  for (const node of graph.nodes) {
    const status = states.get(node.id)?.status;
    lines.push(`  ${names.get(node.id)}["${quoted(node.id)}${status ? `<br/>${quoted(status)}` : ''}"]`);
  }
  for (const edge of graph.edges) {
    const arrow = edge.kind === 'soft' || edge.kind === 'optional' ? '-.->' : '-->';
    const word = edge.when ?? (edge.onError ? 'on failure' : '');
    lines.push(
      `  ${names.get(edge.from)} ${arrow}${word ? `|"${quoted(word)}"|` : ''} ${names.get(edge.to)}`,
    );
  }
  return `${lines.join('\n')}\n`;
}

/** Mermaid's own way to write what would end a label, or be read as markup. */
function quoted(text: string): string {
  return text.replace(/[&"<>#\n]/g, (char) => `#${char.charCodeAt(0)};`);
}
