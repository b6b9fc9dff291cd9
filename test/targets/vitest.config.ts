import { defineConfig, type ViteUserConfig } from 'vitest/config';

/** Attaching across versions of Node.js: slower than the other tests, and it downloads the versions first. */
const config: ViteUserConfig = defineConfig({
  test: {
    include: ['test/targets/*.targets.ts'],
    globalSetup: ['test/targets/install.ts'],
    pool: 'forks',
    maxWorkers: 1,
    testTimeout: 240_000,
    hookTimeout: 240_000,
  },
});

export default config;
