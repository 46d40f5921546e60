/**
 * A definition that is being edited. The text is the truth: the canvas is read from it, and what is done on the canvas or in a form is an
 * edit of it. One history takes back both.
 */
import type { Direction } from '$lib/graph/layout';
import { notices } from '$lib/state/notices.svelte';
import { graphOf, type Graph } from './model/graph';
import { History, type Moment, type Moved } from './model/history';
import { copied, disconnect, paste, removeNodes, renameNode } from './model/operations';
import { held } from './model/stand';
import { EditRefused, read } from './model/text';

/** After so long without another key the text is read (milliseconds). */
export const READ_AFTER = 140;

/** One visit of a field of a form, from its first letter until it is left. */
export interface Visit {
  key: string;
  /** Somebody still types: a refusal may be over with the next letter, and is not told. */
  isGoingOn: boolean;
}

export class Editing {
  text = $state('');
  moved = $state.raw<Moved>({});
  /** Which way the picture goes in which they were moved. */
  way: Direction = 'right';
  /** A canvas has drawn it. */
  isDrawn = false;
  /** Where everything is that is drawn: the canvas says it. */
  standing: () => Moved = () => ({});
  graph = $state.raw<Graph>(graphOf({}));
  /** Why the text cannot be read; the canvas shows what could be read last, and changes nothing. */
  broken = $state<string | null>(null);
  selected = $state.raw<readonly string[]>([]);
  selectedEdge = $state<string | null>(null);
  /** How deep within the selected map or loop: 0 is the node itself. */
  depth = $state(0);
  undoes = $state<string | null>(null);
  redoes = $state<string | null>(null);

  #history = new History({ text: '', moved: {} });
  /** The field that writes now. */
  #visit: Visit | null = null;
  /** Takes over what stands in a field and was not read yet; false when it cannot be. */
  #settle: (() => boolean) | null = null;
  #reading: ReturnType<typeof setTimeout> | undefined;

  /** The one node that is selected, when it is one. */
  get one() {
    const [id, another] = this.selected;
    return another === undefined ? this.graph.nodes.find((node) => node.id === id) : undefined;
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

  /** Another text instead of this one; the way back is undoing. */
  replace(text: string, label: string): void {
    this.#set(text, this.moved, label);
  }

  stop(): void {
    clearTimeout(this.#reading);
  }

  /** After each change of what stands there. */
  protected changed(): void {}

  protected begin(text: string, moved: Moved): void {
    this.isDrawn = false;
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
    if (isOther || this.#reading) this.#read();
    this.#after();
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

  #after(): void {
    this.undoes = this.#history.undoes;
    this.redoes = this.#history.redoes;
    this.changed();
  }
}
