/**
 * A workflow of the daemon that is being edited: which version it is made of, what the daemon says of it, and how it is saved. What is
 * not saved is kept in this browser.
 */
import { ApiError } from '$lib/api/problem';
import { Checks } from './checks.svelte';
import { ifThere, latest, save, type Latest, type Plan } from './definitions';
import { draftOf, dropDraft, keepDraft, keepPlaces, NEW, placesOf } from './draft';
import { Editing } from './editing.svelte';
import type { Moved } from './model/history';
import type { Placed } from './model/place';

const KEEP_AFTER = 500;

export interface Base {
  version: number;
  etag: string | null;
  source: string;
}

export class Builder extends Editing {
  /** The workflow that is edited; null while it was never saved. */
  name = $state<string | null>(null);
  base = $state.raw<Base | null>(null);
  /** Since when there is a draft that was found here and not made now. */
  found = $state<number | null>(null);
  saving = $state(false);
  /** Somebody has saved another version meanwhile. */
  conflict = $state.raw<Latest | null>(null);
  /** A draft could not be kept here. */
  unkept = $state(false);

  #checks = new Checks(() => ({ text: this.text, ids: this.graph.nodes.map((node) => node.id) }));
  /** Where everything was when that was kept last. */
  #moved: Moved = {};
  #keeping: ReturnType<typeof setTimeout> | undefined;

  get problems(): Placed[] {
    return this.#checks.problems;
  }

  get plan(): Plan | null {
    return this.#checks.plan;
  }

  get checked(): Checks['state'] {
    return this.#checks.state;
  }

  get isDirty(): boolean {
    return this.base === null ? this.text !== '' : this.text !== this.base.source;
  }

  /** Opens the latest version of a workflow, or the draft of it that is kept here. */
  async open(name: string): Promise<void> {
    const { workflow, etag } = await latest(name);
    this.name = name;
    this.base = { version: workflow.version, etag, source: workflow.source };
    const places = placesOf(name);
    this.way = places.way;
    const draft = draftOf(name);
    if (draft && draft.text !== workflow.source) {
      // What the draft was made of, so that saving it is refused when there is a newer version.
      if (draft.version !== null)
        this.base = { version: draft.version, etag: draft.etag, source: draft.base };
      this.found = draft.at;
      this.begin(draft.text, places.moved);
    } else {
      this.begin(workflow.source, places.moved);
    }
  }

  /** Begins a workflow that does not exist yet. */
  start(text: string): void {
    this.name = null;
    this.base = null;
    this.found = null;
    this.begin(text, {});
    this.#keepSoon();
  }

  /** Goes on with what is kept here of a workflow that was never saved. */
  resume(): boolean {
    const draft = draftOf(NEW);
    if (!draft) return false;
    this.start(draft.text);
    this.found = draft.at;
    return true;
  }

  /** Back to the saved version. The way to the draft is undoing. */
  discard(): void {
    this.replace(this.base?.source ?? '', 'discarding the draft');
    dropDraft(this.name ?? NEW);
    this.found = null;
  }

  /**
   * Saves the next version. Answers the name, and whether nothing but comments and order was different, of which no version is made;
   * `null` when somebody else has saved meanwhile, which is then in `conflict`. Throws what the daemon says against it.
   */
  async save(message: string, over?: Latest): Promise<{ name: string; unchanged: boolean } | null> {
    const name = this.graph.name;
    const text = this.text;
    this.saving = true;
    try {
      const isSame = this.name === name && this.base !== null;
      if (!isSame && !over) {
        const other = await ifThere(name);
        if (other) {
          this.conflict = other;
          return null;
        }
      }
      const etag = over ? over.etag : isSame ? (this.base?.etag ?? null) : null;
      const { saved, etag: now } = await save(name, text, message, etag);
      if (this.name !== name) dropDraft(this.name ?? NEW);
      keepPlaces(name, { moved: this.moved, way: this.way });
      // Another text of the same version stays a draft.
      const source = saved.unchanged ? (await latest(name)).workflow.source : text;
      this.name = name;
      this.base = { version: saved.version, etag: now, source };
      this.conflict = null;
      this.found = null;
      this.#keep();
      return { name, unchanged: saved.unchanged && source !== text };
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 412) throw error;
      this.conflict = await latest(name);
      return null;
    } finally {
      this.saving = false;
    }
  }

  /** Goes on with another text on the ground of their version. */
  rebase(theirs: Latest, text: string, label: string): void {
    this.base = { version: theirs.workflow.version, etag: theirs.etag, source: theirs.workflow.source };
    this.conflict = null;
    this.replace(text, label);
  }

  /** Asks the daemon again, now. */
  recheck(): void {
    this.#checks.now();
  }

  override stop(): void {
    super.stop();
    this.#checks.stop();
    this.#keep();
  }

  protected override changed(): void {
    if (this.name && this.moved !== this.#moved) keepPlaces(this.name, { moved: this.moved, way: this.way });
    this.#moved = this.moved;
    this.#checks.soon();
    this.#keepSoon();
  }

  #keepSoon(): void {
    clearTimeout(this.#keeping);
    this.#keeping = setTimeout(() => this.#keep(), KEEP_AFTER);
  }

  #keep(): void {
    clearTimeout(this.#keeping);
    const key = this.name ?? NEW;
    if (!this.isDirty) {
      dropDraft(key);
      return;
    }
    const { version = null, etag = null, source = '' } = this.base ?? {};
    this.unkept = !keepDraft(key, { text: this.text, version, etag, base: source, at: Date.now() });
  }
}
