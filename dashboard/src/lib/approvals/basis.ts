/** What a question rests on, put so that somebody can read it who does not read JSON. */

export interface Part {
  /** The name of the member; nothing when the value is all there is. */
  name: string | null;
  /** `line` is short, `text` is to be read as it stands, `json` is for those who want to know it all. */
  kind: 'line' | 'text' | 'json';
  text: string;
}

/** A text that is longer, or has lines of its own, gets room of its own. */
const LINE_CHARACTERS_MAX = 90;
/** Beyond this it is looked at on the run's own page. */
const CHARACTERS_MAX = 20_000;

/** So many members of an output are told apart; with more it is a table, and shown as JSON. */
const MEMBERS_MAX = 40;

/** Short ones first, then what is to be read, then the rest. */
export function partsOf(output: unknown): Part[] {
  if (output === null || typeof output !== 'object' || Array.isArray(output)) return [partOf(null, output)];
  const members = Object.entries(output);
  if (members.length > MEMBERS_MAX) return [partOf(null, output)];
  const parts = members.map(([name, value]) => partOf(name, value));
  const order = ['line', 'text', 'json'];
  return parts.sort((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind));
}

function partOf(name: string | null, value: unknown): Part {
  if (typeof value === 'string') {
    const isLine = value.length <= LINE_CHARACTERS_MAX && !value.includes('\n');
    return { name, kind: isLine ? 'line' : 'text', text: cut(value) };
  }
  if (value === null || typeof value !== 'object') return { name, kind: 'line', text: String(value) };
  const short = JSON.stringify(value);
  const isLine = Array.isArray(value) && value.every(isScalar) && short.length <= LINE_CHARACTERS_MAX;
  if (isLine) return { name, kind: 'line', text: value.map(String).join(', ') || 'none' };
  return { name, kind: 'json', text: cut(JSON.stringify(value, null, 2)) };
}

function isScalar(value: unknown): boolean {
  return value === null || typeof value !== 'object';
}

function cut(text: string): string {
  return text.length > CHARACTERS_MAX
    ? `${text.slice(0, CHARACTERS_MAX)}\n… (${text.length} characters in all)`
    : text;
}

interface Read {
  type: string;
  needs: string[];
}

/** What only says where a run goes on is no ground for a decision; what stands before it is. */
const SIGNPOSTS = ['condition', 'join'];

/**
 * The steps that a question rests on, at most so many: those it waits for, and where these only point the way, those before them.
 */
export async function groundsOf<S extends Read>(
  needs: string[],
  read: (path: string) => Promise<S>,
  max: number,
): Promise<{ steps: S[]; more: number }> {
  const steps: S[] = [];
  const seen = new Set(needs);
  let open = needs;
  while (open.length > 0 && steps.length < max) {
    const found = await Promise.all(open.slice(0, max).map(read));
    const left = open.length - found.length;
    steps.push(...found.filter((step) => !SIGNPOSTS.includes(step.type)));
    const before = found.filter((step) => SIGNPOSTS.includes(step.type)).flatMap((step) => step.needs);
    open = before.filter((path) => !seen.has(path) && seen.add(path));
    if (left > 0) return { steps: steps.slice(0, max), more: left + Math.max(0, steps.length - max) };
  }
  return { steps: steps.slice(0, max), more: Math.max(0, steps.length - max) };
}
