import { mount } from 'svelte';

import './styles/base.css';
import App from './App.svelte';
import { notices } from '$lib/state/notices.svelte';
import { settings } from '$lib/state/settings.svelte';

settings.apply();
// While the daemon is away, a screen that was never shown cannot be fetched. The router stays where it is; the person is told.
addEventListener('vite:preloadError', () => {
  const text = 'The daemon does not answer. Try again when it is back.';
  notices.say({ tone: 'bad', title: 'This screen could not be loaded', text });
});

const target = document.getElementById('app');
if (target) mount(App, { target });
