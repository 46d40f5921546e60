/** What was chosen in the palette last. It stays in this browser. */
import History from '@lucide/svelte/icons/history';
import type { Command } from './find';

/** As much of a command as is kept: what it does is looked up again. */
interface Kept {
  id: string;
  label: string;
  href?: string;
}

const KEY = 'ghostlight.recent';
const KEPT = 6;

export function remember(command: Command): void {
  // What is always listed first needs no second place.
  if (command.group === 'Go to') return;
  const { label, href } = command;
  const id = command.id.replace(/^recent\//, '');
  const now = [{ id, label, ...(href ? { href } : {}) }, ...stored().filter((one) => one.id !== id)];
  try {
    localStorage.setItem(KEY, JSON.stringify(now.slice(0, KEPT)));
  } catch {
    // A browser that stores nothing.
  }
}

/** The newest first, as they are now; what is not known any more is offered if it has an address. */
export function recent(known: readonly Command[]): Command[] {
  const byId = new Map(known.map((command) => [command.id, command]));
  return stored().flatMap((kept) => {
    const now = byId.get(kept.id) ?? (kept.href ? { ...kept, icon: History, group: '' } : undefined);
    return now ? [{ ...now, id: `recent/${kept.id}`, group: 'Recent' }] : [];
  });
}

function stored(): Kept[] {
  try {
    const found: unknown = JSON.parse(localStorage.getItem(KEY) ?? '[]');
    if (!Array.isArray(found)) return [];
    return (found as Partial<Kept>[]).flatMap(({ id, label, href }) =>
      typeof id === 'string' && typeof label === 'string'
        ? [{ id, label, ...(typeof href === 'string' && href.startsWith('/') ? { href } : {}) }]
        : [],
    );
  } catch {
    return [];
  }
}
