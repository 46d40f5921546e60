/** What the first screen reads whatever comes: the frame's own, and of a run what it is, its plan, and its steps, which may be megabytes. */
export function firstReads(pathname: string): string[] {
  const run = /^\/runs\/([^/]+)$/.exec(pathname)?.[1];
  const frame = ['/api/v1/session', '/api/v1/runs/counts'];
  return run === undefined
    ? frame
    : [...frame, ...['', '/plan', '/steps'].map((part) => `/api/v1/runs/${run}${part}`)];
}
