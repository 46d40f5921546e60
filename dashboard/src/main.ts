import { mount } from 'svelte';

import './styles/base.css';
import App from './App.svelte';
import { firstReads } from './first';
import { preload } from './router';
import { askAhead } from '$lib/api/ahead';
import { notices } from '$lib/state/notices.svelte';
import { settings } from '$lib/state/settings.svelte';

// The first screen, what it shows and who one is are asked for together, not one after the other.
askAhead(firstReads(location.pathname));
void preload(location.pathname as Parameters<typeof preload>[0]).catch(() => undefined);
settings.apply();
// While the daemon is away, a screen that was never shown cannot be fetched. The router stays where it is; the person is told.
addEventListener('vite:preloadError', () => {
  const text = 'The daemon does not answer. Try again when it is back.';
  notices.say({ tone: 'bad', title: 'This screen could not be loaded', text });
});

const target = document.getElementById('app');
if (target) mount(App, { target });
