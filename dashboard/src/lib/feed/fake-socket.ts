/** A WebSocket for tests, and a daemon at its other end that keeps a log. */
export class FakeSocket {
  static readonly CONNECTING = 0;
  static readonly OPEN = 1;
  static readonly CLOSED = 3;
  /** All that were made, the newest last. */
  static made: FakeSocket[] = [];
  static drops = 0;

  readyState = FakeSocket.CONNECTING;
  onopen: (() => void) | null = null;
  onmessage: ((message: { data: string }) => void) | null = null;
  onclose: (() => void) | null = null;
  onerror: (() => void) | null = null;
  said: string[] = [];
  readonly url: URL;

  constructor(url: string) {
    this.url = new URL(url);
    FakeSocket.made.push(this);
  }

  static get newest(): FakeSocket {
    const newest = FakeSocket.made.at(-1);
    if (!newest) throw new Error('nobody has connected');
    return newest;
  }

  send(text: string): void {
    this.said.push(text);
  }

  close(): void {
    this.drop();
  }

  // What follows is the other end.

  accept(log = 'log-1', head = 0n): this {
    this.readyState = FakeSocket.OPEN;
    this.onopen?.();
    return this.tell('feed.hello', { log, head: String(head) });
  }

  tell(type: string, data: object = {}, more: object = {}): this {
    if (this.readyState === FakeSocket.OPEN)
      this.onmessage?.({ data: JSON.stringify({ type, data, ...more }) });
    return this;
  }

  record(sequence: bigint): this {
    return this.tell('step.completed', {}, { sequence: String(sequence), streamsequence: String(sequence) });
  }

  drop(): void {
    if (this.readyState === FakeSocket.CLOSED) return;
    this.readyState = FakeSocket.CLOSED;
    FakeSocket.drops += 1;
    this.onclose?.();
  }
}
