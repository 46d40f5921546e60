/** Who stands before and behind a node. */
import type { FlowEdge } from './types';

export interface Kin {
  parents: Map<string, string[]>;
  children: Map<string, string[]>;
}

export function kinOf(edges: FlowEdge[]): Kin {
  const parents = new Map<string, string[]>();
  const children = new Map<string, string[]>();
  for (const { from, to } of edges) {
    push(parents, to, from);
    push(children, from, to);
  }
  return { parents, children };
}

/** A node with all of its ancestors and descendants. */
export function family(kin: Kin, id: string): Set<string> {
  const found = new Set([id]);
  for (const ways of [kin.parents, kin.children]) {
    const open = [id];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      for (const other of ways.get(next) ?? []) {
        if (found.has(other)) continue;
        found.add(other);
        open.push(other);
      }
    }
  }
  return found;
}

/** All that comes after a node. */
export function descendants(kin: Kin, id: string): Set<string> {
  const found = new Set<string>();
  const open = [id];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    for (const child of kin.children.get(next) ?? []) {
      if (found.has(child)) continue;
      found.add(child);
      open.push(child);
    }
  }
  return found;
}

function push(into: Map<string, string[]>, at: string, value: string): void {
  const known = into.get(at);
  if (known) known.push(value);
  else into.set(at, [value]);
}
