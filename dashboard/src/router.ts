/** Which address shows which screen. Each screen is a part of its own that is fetched when it is first shown. */
import { createRouter } from 'sv-router';

export const { p, navigate, isActive, preload, route } = createRouter({
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
});
