import { svelte } from '@sveltejs/vite-plugin-svelte';
import type { HtmlTagDescriptor, Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

/** The daemon that `npm run dev` works with. */
const daemon = process.env.GHOSTLIGHT_SERVER ?? 'http://127.0.0.1:7070';
const passed = Object.fromEntries(
  ['/api', '/metrics', '/healthz', '/readyz', '/problems'].map((path) => [
    path,
    { target: daemon, ws: true, changeOrigin: true, headers: { origin: daemon } },
  ]),
);

/**
 * What many screens use comes in one file and what some use in another, since a browser fetches six at a time and each costs it a
 * round. What is large and used by few, such as editor and graph, stays by itself, and so do the few lines that run first: nothing
 * else has to come before them.
 */
const groups = [
  { name: 'first', test: /src\/(first|routes|lib\/api\/ahead)\.ts$|preload-helper/, priority: 3 },
  { name: 'common', minShareCount: 5, maxModuleSize: 60_000, priority: 2 },
  {
    name: 'some',
    minShareCount: 2,
    test: /@lucide|src\/lib\/(?!code|graph|yaml)/,
    maxModuleSize: 20_000,
    priority: 1,
  },
];

/**
 * The entry is a few lines that ask for everything else, so the browser is told beside it what else that is: it has come by the time
 * that it is asked for.
 */
const frameAhead: Plugin = {
  name: 'frame-ahead',
  transformIndexHtml: {
    order: 'post',
    handler(html, { bundle = {} }) {
      const chunks = Object.values(bundle).filter((part) => part.type === 'chunk');
      const wanted = new Set<string>();
      const want = (file: string) => {
        const chunk = chunks.find((one) => one.fileName === file);
        if (!chunk || wanted.has(file)) return;
        wanted.add(file);
        chunk.imports.forEach(want);
      };
      chunks
        .filter((one) => one.facadeModuleId?.endsWith('/src/app.ts'))
        .forEach((one) => want(one.fileName));
      const styles = chunks
        .filter((one) => wanted.has(one.fileName))
        .flatMap((one) => [...(one.viteMetadata?.importedCss ?? [])]);
      return [
        ...[...wanted].filter((file) => !html.includes(file)).map((file) => link('modulepreload', file)),
        ...[...new Set(styles)].map((file) => link('stylesheet', file)),
      ];
    },
  },
};

function link(rel: string, file: string): HtmlTagDescriptor {
  return { tag: 'link', attrs: { rel, crossorigin: true, href: `/${file}` }, injectTo: 'head' };
}

export default defineConfig({
  plugins: [svelte(), frameAhead],
  resolve: { alias: { $lib: new URL('./src/lib', import.meta.url).pathname }, conditions: ['browser'] },
  build: {
    target: 'es2022',
    // The daemon compresses; names carry the hash of what is in them, so that a browser may keep them for ever.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1600,
    rolldownOptions: { output: { codeSplitting: { groups } } },
    license: { fileName: 'licences.md' },
  },
  worker: { format: 'es' },
  server: { proxy: passed },
  preview: { proxy: passed },
  test: { environment: 'happy-dom', include: ['src/**/*.test.ts'], restoreMocks: true },
});
