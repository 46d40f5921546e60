import { mount } from 'svelte';

import './styles/base.css';
import App from './App.svelte';
import { settings } from '$lib/state/settings.svelte';

settings.apply();
const target = document.getElementById('app');
if (target) mount(App, { target });
