/** What the text editor offers: ids behind `needs` and `to`, names of agents, types, and what may be read behind `$`. */
import type { CompletionContext, CompletionResult, CompletionSource } from '@codemirror/autocomplete';
import type { Builder } from './builder.svelte';
import type { Form } from './form.svelte';
import { NODE_TYPES } from './model/graph';
import { rangeOf, read } from './model/text';

export function completing(builder: Builder, form: Form): CompletionSource {
  return (context: CompletionContext): CompletionResult | null => {
    const line = context.state.doc.lineAt(context.pos);
    const before = line.text.slice(0, context.pos - line.from);
    const binding = /\$[\w.]*$/.exec(before);
    if (binding) {
      const id = nodeAt(builder, context.pos);
      const options = form.references(id ? ['nodes', id] : []).map((one) => ({
        label: one.text,
        detail: one.from,
        type: 'variable',
      }));
      return { from: context.pos - binding[0].length, options, validFor: /^\$[\w.]*$/ };
    }
    const word = /[\w-]*$/.exec(before)?.[0] ?? '';
    const from = context.pos - word.length;
    const key = /(?:^|[\s{,])(\w+):\s*(?:\[[^\]]*|\{[^}]*node:\s*)?[\w-]*$/.exec(before)?.[1];
    const names = key ? valuesOf(key, builder, form) : null;
    if (!names || (word === '' && !context.explicit && !/[:[,]\s*$/.test(before))) return null;
    return { from, options: names.map((label) => ({ label, type: 'constant' })), validFor: /^[\w-]*$/ };
  };
}

function valuesOf(key: string, builder: Builder, form: Form): readonly string[] | null {
  switch (key) {
    case 'agent':
    case 'tool':
      return form.agentNames;
    case 'capability':
      return form.capabilities;
    case 'workflow':
      return form.workflows.value ?? [];
    case 'type':
      return NODE_TYPES;
    case 'needs':
    case 'to':
    case 'from':
    case 'goto':
    case 'node':
      return builder.graph.nodes.map((node) => node.id);
    case 'effect':
      return ['read', 'idempotent', 'write'];
    case 'kind':
      return ['hard', 'soft', 'optional'];
    case 'risk':
      return ['low', 'medium', 'high', 'critical'];
    default:
      return null;
  }
}

/** The node in whose text an offset is. */
export function nodeAt(builder: Builder, offset: number): string | null {
  const doc = read(builder.text);
  for (const node of builder.graph.nodes) {
    const range = rangeOf(doc, ['nodes', node.id]);
    if (range && range[0] <= offset && offset <= range[1]) return node.id;
  }
  return null;
}
