import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';

/** The daemon that `npm run dev` works with. */
const daemon = process.env.GHOSTLIGHT_SERVER ?? 'http://127.0.0.1:7070';
const passed = Object.fromEntries(
  ['/api', '/metrics', '/healthz', '/readyz', '/problems'].map((path) => [
    path,
    { target: daemon, ws: true, changeOrigin: true, headers: { origin: daemon } },
  ]),
);

export default defineConfig({
  plugins: [svelte()],
  resolve: { alias: { $lib: new URL('./src/lib', import.meta.url).pathname }, conditions: ['browser'] },
  build: {
    target: 'es2022',
    // The daemon compresses; names carry the hash of what is in them, so that a browser may keep them for ever.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1600,
    license: { fileName: 'licences.md' },
  },
  worker: { format: 'es' },
  server: { proxy: passed },
  preview: { proxy: passed },
  test: { environment: 'happy-dom', include: ['src/**/*.test.ts'], restoreMocks: true },
});
