/** What a node may read, for pickers and completion: the run's input, the context, and the steps before it. */
import { upstream, type Graph } from './graph';
import type { Path } from './text';
import { isMapping } from './write';

export interface Reference {
  /** As a binding writes it, `$probe.healthy`; expressions leave the `$` out. */
  text: string;
  /** What it is. */
  from: string;
}

/** In the order in which people look for them: steps, input, context, the run. */
export function referencesOf(graph: Graph, id: string | null, path: Path = []): Reference[] {
  const found: Reference[] = [];
  const inside = path.filter((part) => part === 'node').length;
  const node = graph.nodes.find((one) => one.id === id);
  if (node && inside > 0) {
    const around = [node.type, ...node.inner.map((one) => one.type)].slice(0, inside);
    if (around.includes('map'))
      found.push(
        { text: '$item', from: 'the item' },
        { text: '$index', from: 'its place in the list, from 0' },
      );
    if (around.includes('loop'))
      found.push(
        { text: '$last', from: 'what the pass before gave' },
        { text: '$iteration', from: 'the pass, from 1' },
      );
  }
  if (node?.type === 'loop' && inside === 0) {
    found.push(
      { text: '$last', from: 'what the pass gave' },
      { text: '$iteration', from: 'the pass, from 1' },
    );
  }
  const before = id === null ? graph.nodes.map((one) => one.id) : upstream(graph, id);
  for (const step of before) {
    const parent = graph.nodes.find((one) => one.id === step);
    found.push({ text: `$${step}`, from: `output of ${step}` });
    for (const key of outputKeys(parent?.type))
      found.push({ text: `$${step}.${key}`, from: `output of ${step}` });
  }
  found.push(...keysOf(graph.value.input, '$input', 'input of the run'));
  const context = graph.value.context;
  if (isMapping(context))
    for (const key of Object.keys(context)) found.push({ text: `$context.${key}`, from: 'context' });
  found.push({ text: '$run.id', from: 'the run' });
  return found;
}

function outputKeys(type: string | undefined): string[] {
  if (type === 'human_gate') return ['decision', 'comment', 'changes', 'by'];
  return type === 'loop' ? ['last', 'iterations'] : [];
}

function keysOf(schema: unknown, name: string, from: string): Reference[] {
  const properties = isMapping(schema) && isMapping(schema.properties) ? Object.keys(schema.properties) : [];
  return [{ text: name, from }, ...properties.map((key) => ({ text: `${name}.${key}`, from }))];
}
