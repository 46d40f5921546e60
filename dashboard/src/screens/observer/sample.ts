/**
 * The one timer of the dashboard that reads anything. How long mailboxes are, how many messages were handled and how long a sync took
 * change without events, and telling each change would cost more than the work itself. So this screen takes a sample every two seconds,
 * only while it is open and visible.
 */
const EVERY = 2_000;
/** A daemon that needs long for a sample is asked less often: at least so many times as long is paused. */
const REST = 4;

/** Begins at once; answers how to stop. */
export function sampleWhileVisible(read: () => Promise<void>): () => void {
  let timer: ReturnType<typeof setInterval> | undefined;
  let isReading = false;
  let restUntil = 0;

  const sample = async () => {
    if (isReading || performance.now() < restUntil) return;
    isReading = true;
    const began = performance.now();
    try {
      await read();
    } finally {
      isReading = false;
      const took = performance.now() - began;
      restUntil = took > EVERY / REST ? performance.now() + took * REST : 0;
    }
  };
  const look = () => {
    clearInterval(timer);
    if (document.visibilityState === 'hidden') return;
    void sample();
    timer = setInterval(() => void sample(), EVERY);
  };

  document.addEventListener('visibilitychange', look);
  look();
  return () => {
    document.removeEventListener('visibilitychange', look);
    clearInterval(timer);
  };
}
