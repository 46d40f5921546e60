import { describe, expect, it } from 'vitest';
import { Loaded } from './load.svelte';

/** Reads that end when the test says so. */
function slow<T>() {
  const under: { resolve: (value: T) => void; reject: (error: unknown) => void; signal: AbortSignal }[] = [];
  const loaded = new Loaded<T>(
    (signal) => new Promise((resolve, reject) => under.push({ resolve, reject, signal })),
  );
  const read = (at: number) => {
    const found = under[at];
    if (!found) throw new Error(`read ${at} has not begun`);
    return found;
  };
  return { loaded, read, reads: () => under.length };
}

const settle = () => new Promise((resolve) => setTimeout(resolve));

describe('something loaded', () => {
  it('is empty, then loading, then there', async () => {
    const { loaded, read } = slow<number>();
    expect([loaded.value, loaded.loading]).toEqual([undefined, false]);
    const done = loaded.refresh();
    expect(loaded.loading).toBe(true);
    read(0).resolve(7);
    await done;
    expect([loaded.value, loaded.loading, loaded.error]).toEqual([7, false, undefined]);
  });

  it('is waited for until what was asked for meanwhile is there too', async () => {
    const { loaded, read } = slow<number>();
    const done = loaded.refresh().then(() => loaded.value);
    void loaded.refresh();
    read(0).resolve(1);
    await settle();
    read(1).resolve(2);
    expect(await done).toBe(2);
  });

  it('costs two reads however often it is asked for meanwhile', async () => {
    const { loaded, read, reads } = slow<number>();
    for (let at = 0; at < 100; at++) void loaded.refresh();
    read(0).resolve(1);
    await settle();
    read(1).resolve(2);
    await settle();
    expect(reads()).toBe(2);
    expect(loaded.value).toBe(2);
  });

  it('keeps what was there while it is read again, and when that goes wrong', async () => {
    const { loaded, read } = slow<number>();
    void loaded.refresh();
    read(0).resolve(1);
    await settle();
    void loaded.refresh();
    expect(loaded.value).toBe(1);
    read(1).reject(new Error('no'));
    await settle();
    expect(loaded.value).toBe(1);
    expect(loaded.error).toEqual(new Error('no'));
    void loaded.refresh();
    read(2).resolve(3);
    await settle();
    expect([loaded.value, loaded.error]).toEqual([3, undefined]);
  });

  it('shows nothing of a read that was stopped', async () => {
    const { loaded, read } = slow<number>();
    void loaded.refresh();
    loaded.stop();
    expect(read(0).signal.aborted).toBe(true);
    read(0).resolve(1);
    await settle();
    expect([loaded.value, loaded.loading]).toEqual([undefined, false]);
  });

  it('can be read again after it was stopped, and an older read does not end the newer one', async () => {
    const { loaded, read } = slow<number>();
    void loaded.refresh();
    loaded.stop();
    void loaded.refresh();
    read(0).reject(new Error('late'));
    await settle();
    expect([loaded.loading, loaded.error]).toEqual([true, undefined]);
    read(1).resolve(2);
    await settle();
    expect(loaded.value).toBe(2);
  });
});

describe('an optimistic change', () => {
  it('is shown at once and can be taken back', () => {
    const { loaded } = slow<number[]>();
    loaded.value = [1];
    const back = loaded.optimistic((list) => [...list, 2]);
    expect(loaded.value).toEqual([1, 2]);
    back();
    expect(loaded.value).toEqual([1]);
  });

  it('is not taken back over what the daemon has said since', () => {
    const { loaded } = slow<number[]>();
    loaded.value = [1];
    const back = loaded.optimistic((list) => [...list, 2]);
    loaded.value = [1, 2, 3];
    back();
    expect(loaded.value).toEqual([1, 2, 3]);
  });

  it('of nothing is nothing', () => {
    const { loaded } = slow<number[]>();
    loaded.optimistic((list) => [...list, 2])();
    expect(loaded.value).toBeUndefined();
  });
});
