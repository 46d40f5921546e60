import { defineConfig } from 'vitest/config';

/** The real daemon in a real browser: one file after the other, since two cores have both to carry. */
export default defineConfig({
  test: {
    environment: 'node',
    include: ['e2e/**/*.e2e.ts'],
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // A machine that is shared may stand still for longer than any of these waits. A test that needed its second try says so.
    retry: process.env.CI ? 1 : 0,
  },
});
