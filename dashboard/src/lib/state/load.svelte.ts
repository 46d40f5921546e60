/**
 * Something that is read from the daemon and read anew when events say so: it is empty, loading, there, or could not be read, and what
 * was there stays on the screen while it is read again. At most one read is under way and one is wanted, so a burst of events costs
 * two reads.
 */
export class Loaded<T> {
  value = $state.raw<T | undefined>(undefined);
  error = $state.raw<unknown>(undefined);
  loading = $state(false);

  #read: (signal: AbortSignal) => Promise<T>;
  #abort: AbortController | null = null;
  #again = false;

  constructor(read: (signal: AbortSignal) => Promise<T>) {
    this.#read = read;
  }

  /** Reads now, or once more when the read that is under way has ended. */
  async refresh(): Promise<void> {
    if (this.#abort) {
      this.#again = true;
      return;
    }
    const abort = new AbortController();
    this.#abort = abort;
    this.loading = true;
    try {
      const value = await this.#read(abort.signal);
      if (!abort.signal.aborted) {
        this.value = value;
        this.error = undefined;
      }
    } catch (error) {
      if (!abort.signal.aborted) this.error = error;
    } finally {
      if (this.#abort === abort) {
        this.#abort = null;
        this.loading = false;
      }
    }
    if (this.#again && this.#abort === null) {
      this.#again = false;
      // Whoever waits for the first answer gets what was asked for meanwhile.
      await this.refresh();
    }
  }

  /** Shows another value at once; the answer is the way back. */
  optimistic(change: (value: T) => T): () => void {
    const before = this.value;
    if (before === undefined) return () => {};
    const during = change(before);
    this.value = during;
    return () => {
      if (this.value === during) this.value = before;
    };
  }

  stop(): void {
    this.#abort?.abort();
    this.#abort = null;
    this.#again = false;
    this.loading = false;
  }
}
