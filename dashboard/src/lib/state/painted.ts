/** Longer than a busy machine takes for a frame: a tab that is left while one is waited for is not painted any more. */
const PATIENCE_MS = 1_000;

/** What stands on the page by now has been painted, if anybody sees it. What is dear to make waits for it, and keeps nobody from reading. */
export function painted(): Promise<void> {
  return new Promise((resolve) => {
    // A tab that nobody sees is never painted.
    const impatient = setTimeout(resolve, document.hidden ? 0 : PATIENCE_MS);
    requestAnimationFrame(() =>
      setTimeout(() => {
        clearTimeout(impatient);
        resolve();
      }),
    );
  });
}
