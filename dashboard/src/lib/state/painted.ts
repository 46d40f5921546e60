/** A browser paints a tab that is seen many times in this; one that nobody sees never paints, and what waits for it goes on. */
const PATIENCE_MS = 100;

/** What stands on the page by now has been painted. What is dear to make waits for it, and keeps nobody from reading. */
export function painted(): Promise<void> {
  return new Promise((resolve) => {
    const impatient = setTimeout(resolve, PATIENCE_MS);
    requestAnimationFrame(() =>
      setTimeout(() => {
        clearTimeout(impatient);
        resolve();
      }),
    );
  });
}
