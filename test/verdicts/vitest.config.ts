import { defineConfig, type ViteUserConfig } from 'vitest/config';

/** `memtool leaks` on programs of which is known whether they leak: it prints the table of verdicts, in about four minutes. */
const config: ViteUserConfig = defineConfig({
  test: {
    include: ['test/verdicts/*.verdicts.ts'],
    globalSetup: ['test/verdicts/install.ts'],
    pool: 'forks',
    maxWorkers: 2,
    // Each of the programs takes a twentieth of a core.
    maxConcurrency: 5,
    testTimeout: 150_000,
    disableConsoleIntercept: true,
  },
});

export default config;
