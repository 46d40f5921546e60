/** Which address shows which screen. Each screen is a part of its own that is fetched when it is first shown. */
export const routes = {
  '/': () => import('./screens/home/Home.svelte'),
  '/needs-you': () => import('./screens/needs/NeedsYou.svelte'),
  '/runs': () => import('./screens/runs/Runs.svelte'),
  '/runs/:id': () => import('./screens/run/Run.svelte'),
  '/workflows': () => import('./screens/workflows/Workflows.svelte'),
  '/workflows/new': () => import('./screens/builder/Builder.svelte'),
  '/workflows/:name': () => import('./screens/workflows/WorkflowDetail.svelte'),
  '/workflows/:name/edit': () => import('./screens/builder/Builder.svelte'),
  '/agents': () => import('./screens/agents/Agents.svelte'),
  '/agents/:name': () => import('./screens/agents/AgentDetail.svelte'),
  '/system': () => import('./screens/observer/Observer.svelte'),
  '/settings': () => import('./screens/settings/Settings.svelte'),
  '*notfound': () => import('./screens/NotFound.svelte'),
};

/** What fetches the screen of an address. */
export function screenAt(pathname: string): () => Promise<unknown> {
  const sought = partsOf(pathname);
  const found = Object.entries(routes).find(([pattern]) => {
    const parts = partsOf(pattern);
    return (
      parts.length === sought.length && parts.every((part, at) => part.startsWith(':') || part === sought[at])
    );
  });
  return found?.[1] ?? routes['*notfound'];
}

function partsOf(path: string): string[] {
  return path.split('/').filter(Boolean);
}
