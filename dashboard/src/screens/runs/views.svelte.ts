/** Filters that somebody gave a name to. They stay in this browser; the URL of each can be sent to anybody. */

export interface View {
  name: string;
  search: string;
  /** It comes with the dashboard. */
  given?: boolean;
}

const KEY = 'ghostlight.views.runs';

export const GIVEN: View[] = [
  { name: 'Waiting for somebody', search: 'waits_for=approval%2Creconcile', given: true },
  { name: 'Under way', search: 'status=pending%2Crunning%2Cpaused', given: true },
  { name: 'Failed, created in the last 24 hours', search: 'status=failed&since=24h', given: true },
  { name: 'Set aside', search: 'reason=quarantined', given: true },
];

function stored(): View[] {
  try {
    const found: unknown = JSON.parse(localStorage.getItem(KEY) ?? '[]');
    if (!Array.isArray(found)) return [];
    return (found as Partial<View>[]).flatMap(({ name, search }) =>
      typeof name === 'string' && typeof search === 'string' ? [{ name, search }] : [],
    );
  } catch {
    return [];
  }
}

class Views {
  own = $state<View[]>(stored());

  get all(): View[] {
    return [...this.own, ...GIVEN];
  }

  find(search: string): View | undefined {
    return this.all.find((view) => view.search === search);
  }

  save(name: string, search: string): void {
    this.#set([...this.own.filter((view) => view.name !== name), { name, search }]);
  }

  remove(name: string): () => void {
    const before = this.own;
    this.#set(before.filter((view) => view.name !== name));
    return () => this.#set(before);
  }

  #set(views: View[]): void {
    this.own = views;
    try {
      localStorage.setItem(KEY, JSON.stringify(views));
    } catch {
      // A browser that stores nothing: they hold until the page is left.
    }
  }
}

export const views = new Views();
