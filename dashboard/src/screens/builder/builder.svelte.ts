/**
 * A workflow that is being edited. The text is the truth: the canvas is read from it, and what is done on the canvas or in a form is an
 * edit of it. One history takes back both. What is not saved is kept in this browser.
 */
import { ApiError } from '$lib/api/problem';
import type { Direction } from '$lib/graph/layout';
import { notices } from '$lib/state/notices.svelte';
import { Checks } from './checks.svelte';
import { ifThere, latest, save, type Latest, type Plan } from './definitions';
import { draftOf, dropDraft, keepDraft, keepPlaces, NEW, placesOf } from './draft';
import { graphOf, type Graph } from './model/graph';
import { History, type Moment, type Moved } from './model/history';
import type { Placed } from './model/place';
import { copied, disconnect, paste, removeNodes, renameNode } from './model/operations';
import { held } from './model/stand';
import { EditRefused, read } from './model/text';

/** After so long without another key the text is read (milliseconds). */
export const READ_AFTER = 140;
const KEEP_AFTER = 500;

/** One visit of a field of a form, from its first letter until it is left. */
export interface Visit {
  key: string;
  /** Somebody still types: a refusal may be over with the next letter, and is not told. */
  isGoingOn: boolean;
}

export interface Base {
  version: number;
  etag: string | null;
  source: string;
}

export class Builder {
  /** The workflow that is edited; null while it was never saved. */
  name = $state<string | null>(null);
  base = $state.raw<Base | null>(null);
  text = $state('');
  moved = $state.raw<Moved>({});
  /** Which way the picture goes in which they were moved. */
  way: Direction = 'right';
  /** Where everything is that is drawn: the canvas says it. */
  standing: () => Moved = () => ({});
  graph = $state.raw<Graph>(graphOf({}));
  /** Why the text cannot be read; the canvas shows what could be read last, and changes nothing. */
  broken = $state<string | null>(null);
  selected = $state.raw<readonly string[]>([]);
  selectedEdge = $state<string | null>(null);
  /** How deep within the selected map or loop: 0 is the node itself. */
  depth = $state(0);
  /** Since when there is a draft that was found here and not made now. */
  found = $state<number | null>(null);
  saving = $state(false);
  /** Somebody has saved another version meanwhile. */
  conflict = $state.raw<Latest | null>(null);
  undoes = $state<string | null>(null);
  redoes = $state<string | null>(null);
  /** A draft could not be kept here. */
  unkept = $state(false);

  #checks = new Checks(() => ({ text: this.text, ids: this.graph.nodes.map((node) => node.id) }));
  #history = new History({ text: '', moved: {} });
  /** The field that writes now. */
  #visit: Visit | null = null;
  /** Takes over what stands in a field and was not read yet; false when it cannot be. */
  #settle: (() => boolean) | null = null;
  #reading: ReturnType<typeof setTimeout> | undefined;
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

  /** The one node that is selected, when it is one. */
  get one() {
    const [id, another] = this.selected;
    return another === undefined ? this.graph.nodes.find((node) => node.id === id) : undefined;
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
      this.#begin(draft.text, places.moved);
    } else {
      this.#begin(workflow.source, places.moved);
    }
  }

  /** Begins a workflow that does not exist yet. */
  start(text: string): void {
    this.name = null;
    this.base = null;
    this.found = null;
    this.#begin(text, {});
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
    this.#set(this.base?.source ?? '', this.moved, 'discarding the draft');
    dropDraft(this.name ?? NEW);
    this.found = null;
  }

  /**
   * Does something to the text by one of the operations of the model; a refusal is told and changes nothing. What a field writes again
   * and again in one visit is each time done to the text that the visit found, so that no letter on the way leaves a trace in it.
   */
  edit(label: string, change: (text: string) => string, moved = this.moved): boolean {
    const visit = this.#visit;
    try {
      if (this.#reading) this.#readTyped();
      if (this.broken) throw new EditRefused('The text cannot be read. Mend it first.');
      const found = visit && this.#history.before(visit.key);
      const { graph, standing } = { graph: this.graph, standing: this.standing() };
      this.#set(change(found?.text ?? this.text), moved, label, visit?.key);
      this.#hold(graph, standing);
      return true;
    } catch (error) {
      if (!(error instanceof EditRefused)) throw error;
      if (!visit?.isGoingOn)
        notices.say({ tone: 'bad', title: 'That cannot be done here', text: error.message });
      return false;
    }
  }

  /** Writes what is typed into a field: edits that are made in `act` are one step of the history with the others of this visit. */
  write(visit: Visit, act: () => void): void {
    this.#visit = visit;
    try {
      act();
    } finally {
      this.#visit = null;
    }
  }

  /** Takes back what was written in this visit of a field, as if it had never been there. */
  takeBack(visit: string): void {
    const before = this.#history.before(visit);
    if (before) this.#set(before.text, before.moved, '', visit);
  }

  /** A field says how to take over what is typed into it, or with null that there is nothing left. */
  typing(settle: (() => boolean) | null): void {
    this.#settle = settle;
  }

  /** Takes over what is typed into a field now, before it is saved; false when that cannot be taken over. */
  settle(): boolean {
    return this.#settle?.() ?? true;
  }

  /** Gives a step another id; it stays where it was moved to. */
  rename(id: string, to: string): boolean {
    const { [id]: place, ...others } = this.moved;
    const moved = place ? { ...others, [to]: place } : this.moved;
    const depth = this.depth;
    const isDone = this.edit(`renaming ${id}`, (text) => renameNode(text, id, to), moved);
    if (isDone) this.select([to], depth);
    return isDone;
  }

  /** What somebody types. */
  type(text: string): void {
    if (text === this.text) return;
    this.text = text;
    this.#history.push(this.#moment(text, this.moved), 'typing', Date.now(), 'typing');
    clearTimeout(this.#reading);
    this.#reading = setTimeout(() => this.#readTyped(), READ_AFTER);
    this.#after();
  }

  /** With `isAdding` it is where something that was just added stands, and is undone with it. */
  move(places: Moved, isAdding = false): void {
    const moved = { ...this.moved, ...places };
    if (isAdding) this.#history.amend(this.#moment(this.text, moved));
    else this.#set(this.text, moved, 'moving');
    if (isAdding) this.#show(this.text, moved);
  }

  /** Lets the layout place everything. */
  tidy(): void {
    this.#set(this.text, {}, 'tidying up');
  }

  undo(): void {
    const moment = this.#history.undo();
    if (moment) this.#again(moment);
  }

  redo(): void {
    const moment = this.#history.redo();
    if (moment) this.#again(moment);
  }

  select(ids: readonly string[], depth = 0): void {
    this.selected = ids;
    this.depth = depth;
    if (ids.length > 0) this.selectedEdge = null;
  }

  /** Takes the selected nodes away, or the selected edge. */
  removeSelected(): void {
    const edge = this.graph.edges.find((one) => one.id === this.selectedEdge);
    const ids = this.selected;
    if (edge) {
      this.edit(`disconnecting ${edge.from} and ${edge.to}`, (text) => disconnect(text, edge));
    } else if (ids.length > 0) {
      const what = ids.length === 1 ? `deleting ${ids[0]}` : `deleting ${ids.length} steps`;
      if (this.edit(what, (text) => removeNodes(text, ids))) this.select([]);
    }
  }

  /** The selected nodes as text that can be pasted, here or into a file. */
  get clip(): string {
    return copied(this.graph, this.selected);
  }

  paste(clip: string, label = 'pasting'): void {
    let ids: string[] = [];
    const done = this.edit(label, (text) => {
      const added = paste(text, clip);
      ids = added.ids;
      return added.text;
    });
    if (done) this.select(ids);
  }

  duplicateSelected(): void {
    if (this.selected.length > 0) this.paste(this.clip, 'duplicating');
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

  /** Another text instead of this one; the way back is undoing. */
  replace(text: string, label: string): void {
    this.#set(text, this.moved, label);
  }

  /** Goes on with another text on the ground of their version. */
  rebase(theirs: Latest, text: string, label: string): void {
    this.base = { version: theirs.workflow.version, etag: theirs.etag, source: theirs.workflow.source };
    this.conflict = null;
    this.#set(text, this.moved, label);
  }

  /** Asks the daemon again, now. */
  recheck(): void {
    this.#checks.now();
  }

  stop(): void {
    clearTimeout(this.#reading);
    this.#checks.stop();
    this.#keep();
  }

  #begin(text: string, moved: Moved): void {
    this.#history = new History({ text, moved });
    this.selected = [];
    this.#show(text, moved);
  }

  #set(text: string, moved: Moved, label: string, visit?: string): void {
    const moment = this.#moment(text, moved);
    if (visit === undefined) this.#history.push(moment, label, Date.now());
    else this.#history.push(moment, label, Date.now(), visit, Infinity);
    this.#show(text, moved);
  }

  #moment(text: string, moved: Moved): Moment {
    return { text, moved, way: this.way };
  }

  #again({ text, moved, way }: Moment): void {
    if (way) this.way = way;
    this.#show(text, moved);
  }

  /** What the last step has done to the graph moves nothing that was there before: only tidying up does. */
  #hold(before: Graph, standing: Moved): void {
    const places = held(before, this.graph, this.moved, standing, this.way);
    if (places) this.move(places, true);
  }

  #show(text: string, moved: Moved): void {
    const isOther = text !== this.text;
    this.text = text;
    this.moved = moved;
    if (this.name) keepPlaces(this.name, { moved, way: this.way });
    if (isOther || this.#reading) this.#read();
    this.#after();
  }

  #after(): void {
    this.undoes = this.#history.undoes;
    this.redoes = this.#history.redoes;
    this.#checks.soon();
    this.#keepSoon();
  }

  /** Whoever writes a picture that nobody has touched sees it laid out anew. */
  #readTyped(): void {
    const { graph, standing } = { graph: this.graph, standing: this.standing() };
    this.#read();
    if (Object.keys(this.moved).length > 0) this.#hold(graph, standing);
  }

  #read(): void {
    clearTimeout(this.#reading);
    this.#reading = undefined;
    const doc = read(this.text);
    const [error] = doc.errors;
    if (error) {
      this.broken = error.message.split('\n')[0] ?? 'It is no YAML';
      return;
    }
    this.broken = null;
    this.graph = graphOf(doc.toJS());
    const ids = new Set(this.graph.nodes.map((node) => node.id));
    const left = this.selected.filter((id) => ids.has(id));
    if (left.length !== this.selected.length) this.select(left);
    if (this.selectedEdge && !this.graph.edges.some((edge) => edge.id === this.selectedEdge))
      this.selectedEdge = null;
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
