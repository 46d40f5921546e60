/** What of the canvas is in sight, and what moves that. It is fitted until somebody has moved it. */
import type { Node, useSvelteFlow } from '@xyflow/svelte';
import { tick } from 'svelte';
import { boundsOf, boxOf } from './flow';
import { fitted, isSeen } from './model/sight';
import type { Picture } from './picture.svelte';

export class View {
  /** What moves the view; it is known once the canvas is drawn. */
  flow = $state.raw<ReturnType<typeof useSvelteFlow>>();
  /** To be shown once it has a place. */
  #wanted: string | null = null;
  #hasFitted = false;

  constructor(
    readonly picture: Picture,
    /** What is drawn now. */
    readonly nodes: () => readonly Node[],
    readonly focus: (id: string) => void,
  ) {}

  /** After something was placed, or the room has changed. */
  follow(): void {
    const { picture } = this;
    if (!this.flow || picture.width === 0 || picture.height === 0 || !picture.isPlaced) return;
    if (!picture.hasMoved) this.#fit(this.#hasFitted ? 180 : 0, true);
    this.#hasFitted = true;
    if (this.#wanted !== null && picture.has(this.#wanted)) void this.show(this.#wanted);
  }

  /** All of it, also where it is too small to read. */
  fit(): void {
    this.picture.hasMoved = false;
    this.#fit(220, false);
  }

  zoom(by: 1 | -1): void {
    this.picture.hasMoved = true;
    const how = { duration: calm(120) };
    void (by > 0 ? this.flow?.zoomIn(how) : this.flow?.zoomOut(how));
  }

  /** Brings a step into sight, unless it is, and sets the focus on it. One that is new is waited for. */
  async show(id: string): Promise<void> {
    await tick();
    const node = this.nodes().find((one) => one.id === id);
    if (!node || !this.flow || !this.picture.has(id)) {
      this.#wanted = id;
      return;
    }
    this.#wanted = null;
    if (!this.#isSeen(node)) {
      this.picture.hasMoved = true;
      const { x, y, width, height } = boxOf(node);
      const zoom = Math.max(this.flow.getZoom(), 0.8);
      await this.flow.setCenter(x + width / 2, y + height / 2, { zoom, duration: calm(200) });
      await tick();
    }
    this.focus(id);
  }

  #fit(ms: number, isLegible: boolean): void {
    const nodes = this.nodes();
    if (!this.flow || nodes.length === 0) return;
    const { picture } = this;
    const view = fitted(boundsOf(nodes), picture, picture.drawn, isLegible);
    void this.flow.setViewport(view, { duration: calm(ms) });
  }

  /** Where the view is fitted it may still be on its way there. */
  #isSeen(node: Node): boolean {
    const { picture, flow } = this;
    const isMoved = picture.hasMoved && flow;
    const view = isMoved ? flow.getViewport() : fitted(boundsOf(this.nodes()), picture, picture.drawn, true);
    return isSeen(boxOf(node), view, picture);
  }
}

function calm(ms: number): number {
  return matchMedia('(prefers-reduced-motion: reduce)').matches ? 0 : ms;
}
