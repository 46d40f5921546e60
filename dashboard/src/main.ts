/**
 * What runs first, and next to nothing: what the first screen shows, that screen and the frame around it are asked for together, not
 * one after the other.
 */
import { askAhead } from '$lib/api/ahead';
import { firstReads } from './first';
import { screenAt } from './routes';

askAhead(firstReads(location.pathname));
// Whoever shows it is told when it cannot be had.
void screenAt(location.pathname)().catch(() => undefined);
void import('./app');
