/** Where the steps of the canvas stand: which way the picture goes, and what a worker has laid out of it. Made while a component is made. */
import { untrack } from 'svelte';
import { layout, type Direction, type Placed } from '$lib/graph/layout';
import { extent, layoutByLevels } from '$lib/graph/levels';
import { notices } from '$lib/state/notices.svelte';
import type { Builder } from './builder.svelte';
import type { Places } from './flow';
import { isAlone } from './model/attach';
import type { Moved } from './model/history';
import { NODE_WIDTH } from './model/size';
import { shapeOf } from './model/stand';

/** So long one waits for the better layout before a plainer one is shown (milliseconds). */
const QUICK_AFTER = 300;

type Shape = [nodes: [id: string, right: number, down: number][], edges: [string, string][]];

export class Picture {
  /** Of the view, in pixels; 0 while nothing is drawn. */
  width = $state(0);
  height = $state(0);
  places = $state.raw<Places>(new Map());
  /** The direction of those places. */
  drawn = $state<Direction>('right');
  isPlaced = $state(false);
  /** Somebody has moved the view or a step: then nothing is fitted or turned unasked. */
  hasMoved = false;

  #builder: Builder;
  /** It was drawn before the text alone was shown: it goes the way that it went. */
  #isAgain: boolean;
  /** The shape for which the way was chosen: what is added later turns nothing. */
  #chosenFor = $state<string | null>(null);
  /** What decides the layout: other texts move nothing, nor does a step that stands alone where somebody has put it. */
  #shape = $derived.by(() => {
    const { graph, moved } = this.#builder;
    const nodes = graph.nodes.filter((node) => moved[node.id] === undefined || !isAlone(graph, node.id));
    return shapeOf(graph, nodes);
  });
  /** The way of drawing that leaves nodes larger in the room that there is. What was moved by hand keeps its way. */
  #direction = $derived.by<Direction>(() => {
    const { width, height } = this;
    if (width === 0 || height === 0) return 'right';
    if (Object.keys(this.#builder.moved).length > 0) return this.#builder.way;
    const isChosen = this.#chosenFor !== null && (this.hasMoved || this.#chosenFor !== this.#shape);
    if (isChosen && untrack(() => this.isPlaced)) return untrack(() => this.drawn);
    if (isChosen && this.#isAgain) return this.#builder.way;
    return better(JSON.parse(this.#shape) as Shape, width, height);
  });

  constructor(builder: Builder) {
    this.#builder = builder;
    this.#isAgain = builder.isDrawn;
    if (this.#isAgain) this.#chosenFor = '';
    builder.isDrawn = true;
    builder.standing = () => this.#standing;
    $effect(() => {
      if (this.width === 0) return;
      const shape = this.#shape;
      untrack(() => (this.#chosenFor ??= shape));
      return this.#lay(this.#direction, JSON.parse(this.#shape) as Shape);
    });
  }

  /** With what is new and not laid out yet beside what it follows, so that nothing jumps from the corner. */
  get all(): Places {
    const { graph, moved } = this.#builder;
    const missing = graph.nodes.filter((node) => !this.places.has(node.id) && !moved[node.id]);
    if (missing.length === 0 || this.places.size === 0) return this.places;
    const more = new Map(this.places);
    for (const node of missing) {
      const parent = graph.edges.find((edge) => edge.to === node.id && more.has(edge.from))?.from;
      const at = parent ? (moved[parent] ?? more.get(parent)) : undefined;
      more.set(node.id, at ? { x: at.x + NODE_WIDTH + 64, y: at.y } : { x: 0, y: 0 });
    }
    return more;
  }

  /** Lays everything out anew, and chooses anew which way it goes. */
  tidy(): void {
    this.hasMoved = false;
    this.#builder.tidy();
    this.#chosenFor = this.#shape;
  }

  /** Where everything is that is drawn. */
  get #standing(): Moved {
    if (!this.isPlaced) return {};
    const whole = [...this.places].map(([id, { x, y }]) => [id, { x: Math.round(x), y: Math.round(y) }]);
    return { ...(Object.fromEntries(whole) as Moved), ...this.#builder.moved };
  }

  /** Whether a step has its place already. */
  has(id: string): boolean {
    return this.isPlaced && (this.places.has(id) || this.#builder.moved[id] !== undefined);
  }

  #lay(way: Direction, [sizes, pairs]: Shape): () => void {
    const boxes = sizes.map(([id, right, down]) => ({
      id,
      width: NODE_WIDTH,
      height: way === 'right' ? right : down,
    }));
    const lines = pairs.map(([source, target], at) => ({ id: String(at), source, target }));
    let isOld = false;
    const take = (placed: Placed) => {
      if (isOld) return;
      this.places = placed.nodes;
      this.drawn = way;
      this.#builder.way = way;
      this.isPlaced = true;
    };
    // The better layout begins with loading its worker: nobody waits for that.
    const quick = untrack(() => this.isPlaced)
      ? undefined
      : setTimeout(() => take(layoutByLevels(boxes, lines, way)), QUICK_AFTER);
    layout(boxes, lines, way)
      .then(take, (error: unknown) => notices.failed('The layout could not be computed', error))
      .finally(() => clearTimeout(quick));
    return () => {
      isOld = true;
      clearTimeout(quick);
    };
  }
}

function better([sizes, pairs]: Shape, width: number, height: number): Direction {
  const { levels, widest } = extent(
    sizes.map(([id]) => id),
    pairs.map(([source, target]) => ({ id: '', source, target })),
  );
  const zoom = (w: number, h: number) => Math.min(width / w, height / h, 1);
  const right = zoom(levels * (NODE_WIDTH + 64), widest * 110);
  const down = zoom(widest * (NODE_WIDTH + 28), levels * 150);
  // Where two steps do not fit beside each other the picture goes down from the first.
  if (width < 2 * (NODE_WIDTH + 64)) return down >= right ? 'down' : 'right';
  return down > right * 1.3 ? 'down' : 'right';
}
