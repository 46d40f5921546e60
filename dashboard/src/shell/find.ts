/** What the palette finds: which commands fit what was typed, and in which order. */
import type Icon from '@lucide/svelte/icons/activity';

export interface Command {
  id: string;
  group: string;
  label: string;
  /** Stands beside the label; searched too. */
  hint?: string;
  /** Searched, and not shown. */
  words?: string;
  icon: typeof Icon;
  keys?: string;
  href?: string;
  run?: () => void;
}

export interface Group {
  name: string;
  commands: Command[];
}

/** So many of a group are shown. */
const SHOWN = 7;

/** The commands that fit, by group; the group with the best fit comes first. Without a query the order is as given. */
export function find(commands: Command[], query: string): Group[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  const scored = commands
    .map((command) => ({ command, score: fit(command, words) }))
    .filter(({ score }) => score > 0);
  // Stable: what fits alike stays in its order.
  if (words.length > 0) scored.sort((a, b) => b.score - a.score);
  const groups = new Map<string, Command[]>();
  for (const { command } of scored) {
    const group = groups.get(command.group) ?? [];
    if (group.length < SHOWN) group.push(command);
    groups.set(command.group, group);
  }
  return [...groups].map(([name, commands]) => ({ name, commands }));
}

function fit(command: Command, words: string[]): number {
  const label = command.label.toLowerCase();
  const more = `${command.hint ?? ''} ${command.words ?? ''} ${command.group}`.toLowerCase();
  let sum = 1;
  for (const word of words) {
    const best = Math.max(score(label, word), score(more, word) * 0.6);
    if (best <= 0) return 0;
    sum += best;
  }
  // Of two that fit alike the shorter says more.
  return sum - label.length * 0.01;
}

/** How well a word fits a text: its beginning, the beginning of a word in it, anywhere, or its letters in this order. */
export function score(text: string, word: string): number {
  const at = text.indexOf(word);
  if (at === 0) return 10;
  if (at > 0) return /[\s\-_/.]/.test(text.charAt(at - 1)) ? 8 : 5;
  if (word.length < 2) return 0;
  let from = 0;
  for (const letter of word) {
    const next = text.indexOf(letter, from);
    // Letters that are far apart are there by chance.
    if (next < 0 || (from > 0 && next - from > 8)) return 0;
    from = next + 1;
  }
  return 2;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** The id of a run if one was typed or pasted, also within an address. */
export function runIdIn(query: string): string | undefined {
  return query
    .trim()
    .split(/[/?#\s]/)
    .find((part) => UUID.test(part))
    ?.toLowerCase();
}
