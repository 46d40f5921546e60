/** What the fields of one form share: the whole schema, what is wrong where, and where somebody has been. */
import { getContext, setContext } from 'svelte';
import { SvelteMap, SvelteSet } from 'svelte/reactivity';
import type { Violation } from './check';
import type { Schema } from './schema';

const KEY = Symbol('form');

export class FormState {
  /** Texts that are no JSON yet, by where they stand: they keep a form from being sent. */
  unread = new SvelteMap<string, string>();
  /** Local findings are shown where somebody has been, and everywhere once sending was tried. */
  visited = new SvelteSet<string>();
  showAll = $state(false);

  constructor(
    readonly id: string,
    readonly read: () => {
      root: Schema;
      found: Violation[];
      told: Violation[];
      disabled: boolean;
    },
  ) {}

  get root(): Schema {
    return this.read().root;
  }

  get disabled(): boolean {
    return this.read().disabled;
  }

  /** The id of the control at a pointer. */
  at(pointer: string): string {
    return `${this.id}-${pointer.replaceAll(/[^A-Za-z0-9_-]/g, '_')}`;
  }

  visit(pointer: string): void {
    this.visited.add(pointer);
  }

  /** What to say at a field: what the daemon said first, then what is seen here. */
  errorsAt(pointer: string): string[] {
    const { found, told } = this.read();
    const unread = this.unread.get(pointer);
    if (unread !== undefined) return [unread];
    const said = told.filter((one) => one.path === pointer).map((one) => one.message);
    const seen =
      this.showAll || this.visited.has(pointer)
        ? found.filter((one) => one.path === pointer).map((one) => one.message)
        : [];
    return [...new Set([...said, ...seen])];
  }

  /** What is wrong inside of what is folded away or shown as a text. */
  errorsUnder(pointer: string): Violation[] {
    const { found, told } = this.read();
    const inside = (one: Violation) => one.path.startsWith(`${pointer}/`);
    return [
      ...told.filter(inside),
      ...(this.showAll || this.visited.has(pointer) ? found.filter(inside) : []),
    ];
  }
}

export function provideForm(form: FormState): void {
  setContext(KEY, form);
}

export function useForm(): FormState {
  return getContext<FormState>(KEY);
}
