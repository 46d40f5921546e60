import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { sampleWhileVisible } from './sample';

let stop: (() => void) | undefined;
const see = (state: DocumentVisibilityState) => {
  vi.spyOn(document, 'visibilityState', 'get').mockReturnValue(state);
  document.dispatchEvent(new Event('visibilitychange'));
};

beforeEach(() => {
  vi.useFakeTimers();
  see('visible');
});
afterEach(() => {
  stop?.();
  vi.useRealTimers();
});

describe('samples', () => {
  it('are taken at once and every two seconds, until the screen is left', async () => {
    const read = vi.fn(async () => {});
    stop = sampleWhileVisible(read);
    await vi.advanceTimersByTimeAsync(6_100);
    expect(read).toHaveBeenCalledTimes(4);
    stop();
    await vi.advanceTimersByTimeAsync(20_000);
    expect(read).toHaveBeenCalledTimes(4);
  });

  it('are not taken while nobody can see them', async () => {
    const read = vi.fn(async () => {});
    stop = sampleWhileVisible(read);
    await vi.advanceTimersByTimeAsync(100);
    see('hidden');
    await vi.advanceTimersByTimeAsync(60_000);
    expect(read).toHaveBeenCalledTimes(1);
    see('visible');
    await vi.advanceTimersByTimeAsync(100);
    expect(read).toHaveBeenCalledTimes(2);
  });

  it('do not pile up on a daemon that is slow', async () => {
    const read = vi.fn(() => new Promise<void>((resolve) => setTimeout(resolve, 3_000)));
    stop = sampleWhileVisible(read);
    await vi.advanceTimersByTimeAsync(30_000);
    // Each takes 3 s and is followed by a rest of 12 s.
    expect(read.mock.calls.length).toBeLessThanOrEqual(3);
  });

  it('go on after one that went wrong', async () => {
    const read = vi.fn(async () => {
      throw new Error('no');
    });
    stop = sampleWhileVisible(() => read().catch(() => {}));
    await vi.advanceTimersByTimeAsync(4_100);
    expect(read).toHaveBeenCalledTimes(3);
  });
});
