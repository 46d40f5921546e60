/**
 * Answers that were asked for before anybody could read them: while the code of the first screen is on its way, so is what it will show.
 * Whoever asks for such an address first gets that answer; it is handed out once, and what nobody took is forgotten.
 */

/** Longer than a first screen takes, and too short to be shown instead of what holds by then. */
const KEPT_MS = 5_000;

const begun = new Map<string, Promise<Response>>();

/** Asks for these addresses of this daemon. */
export function askAhead(paths: string[]): void {
  for (const path of paths) {
    const { href } = new URL(path, location.origin);
    // What draws it is wanted first.
    const answer = fetch(href, { priority: path.endsWith('/steps') ? 'low' : 'auto' });
    // Whoever reads it is told; when nobody does, it is nobody's concern.
    answer.catch(() => undefined);
    begun.set(href, answer);
    setTimeout(() => begun.delete(href), KEPT_MS);
  }
}

/** As `fetch`, with the answer that is under way if there is one. A refusal may have gone by since: it is asked for once more. */
export function fetchOnce(request: Request): Promise<Response> {
  const answer = request.method === 'GET' ? begun.get(request.url) : undefined;
  if (!answer) return fetch(request);
  begun.delete(request.url);
  return answer.then(
    (response) => (response.ok ? response : fetch(request)),
    () => fetch(request),
  );
}
