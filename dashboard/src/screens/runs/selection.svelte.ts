/** Which runs are chosen: one by one, a stretch of them, or all that match. */
import { SvelteSet } from 'svelte/reactivity';

export class Selection {
  ids = new SvelteSet<string>();
  /** All that the filter finds, also those that are not loaded. */
  all = $state(false);
  #anchor: string | null = null;

  get size(): number {
    return this.ids.size;
  }

  get any(): boolean {
    return this.all || this.ids.size > 0;
  }

  has(id: string): boolean {
    return this.all || this.ids.has(id);
  }

  /** With `stretch` everything between this row and the last one that was touched becomes as this one. */
  toggle(id: string, order: readonly string[], stretch: boolean): void {
    // Out of all, one was taken: from here on it is those that are loaded.
    if (this.all) {
      this.all = false;
      order.forEach((one) => this.ids.add(one));
    }
    const on = !this.ids.has(id);
    const from = stretch && this.#anchor !== null ? order.indexOf(this.#anchor) : -1;
    const to = order.indexOf(id);
    const ids = from >= 0 && to >= 0 ? order.slice(Math.min(from, to), Math.max(from, to) + 1) : [id];
    ids.forEach((one) => (on ? this.ids.add(one) : this.ids.delete(one)));
    this.#anchor = id;
  }

  setAll(order: readonly string[], on: boolean): void {
    this.clear();
    if (on) order.forEach((one) => this.ids.add(one));
  }

  /** What left the list is not chosen any more: nobody would see what happens to it. */
  keep(order: readonly string[]): void {
    if (this.ids.size === 0) return;
    const there = new Set(order);
    for (const id of [...this.ids]) if (!there.has(id)) this.ids.delete(id);
  }

  clear(): void {
    this.all = false;
    this.ids.clear();
    this.#anchor = null;
  }
}
