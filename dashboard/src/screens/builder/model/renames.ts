/** Which steps of a definition have another id in a later one: told as what they are, and not as one that went and one that came. */
import { graphOf, type Graph, type GraphNode } from './graph';
import { renamedWithin } from './names';
import { put } from './operations';
import { equal } from './text';
import { isMapping } from './write';

/** With more that went and came nobody asks which is which. */
const MOST = 100;

/** The id that each had, with the one that it has now. */
export function renames(before: Graph, after: Graph): Map<string, string> {
  const names = new Map<string, string>();
  const [old, now] = [idsOf(before), idsOf(after)];
  const gone = before.nodes.filter((node) => !now.has(node.id));
  const came = after.nodes.filter((node) => !old.has(node.id));
  if (gone.length > MOST || came.length > MOST) return names;
  /** Each that is found may be named by others, which are the same only then. */
  const pair = (like: (was: GraphNode) => (is: GraphNode) => boolean) => {
    for (let found = -1; found < names.size;) {
      found = names.size;
      for (const was of [...gone]) {
        const isLike = like(was);
        const is = came.find((one) => one.type === was.type && isLike(one));
        if (!is) continue;
        names.set(was.id, is.id);
        gone.splice(gone.indexOf(was), 1);
        came.splice(came.indexOf(is), 1);
      }
    }
  };
  pair((was) => {
    const body = withNames(was.body, names);
    return (is) => equal(body, is.body);
  });
  // Changed as well, but it does the same for the same: whom it calls, what leads to it and what follows.
  pair((was) => {
    const around = neighbours(before, was.id, names);
    return (is) => was.summary === is.summary && around !== NONE && around === neighbours(after, is.id);
  });
  return names;
}

/** A definition as it would be if its steps had been called so. */
export function called(graph: Graph, names: ReadonlyMap<string, string>): Graph {
  if (names.size === 0) return graph;
  const value = withNames(graph.value, names) as Record<string, unknown>;
  const nodes = isMapping(value.nodes) ? value.nodes : {};
  const entries = Object.entries(nodes).map(([id, body]) => [names.get(id) ?? id, body]);
  return graphOf({ ...value, nodes: Object.fromEntries(entries) });
}

function withNames(value: Record<string, unknown>, names: ReadonlyMap<string, string>): unknown {
  const changed = structuredClone(value);
  for (const place of renamedWithin(changed, names)) put(changed, place.path, place.value);
  return changed;
}

const NONE = '>';

function neighbours(graph: Graph, id: string, names: ReadonlyMap<string, string> = new Map()): string {
  const ids = (of: string[]) => of.map((one) => names.get(one) ?? one).sort();
  const parents = graph.edges.filter((edge) => edge.to === id).map((edge) => edge.from);
  const children = graph.edges.filter((edge) => edge.from === id).map((edge) => edge.to);
  return `${ids(parents).join(',')}${NONE}${ids(children).join(',')}`;
}

function idsOf(graph: Graph): Set<string> {
  return new Set(graph.nodes.map((node) => node.id));
}
