import { createRouter } from 'sv-router';

import { routes } from './routes';

export const { p, navigate, isActive, preload, route } = createRouter(routes);
