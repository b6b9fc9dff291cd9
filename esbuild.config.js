// Builds dist/: the library, the CLI (split, so that a command loads only what it uses) and the agent's worker
// (one self-contained file, because it can be sent into another process as text).
import { rm } from 'node:fs/promises';
import { build } from 'esbuild';

const outdir = 'dist';
const common = {
  bundle: true,
  platform: 'node',
  target: 'node20',
  // Puts constants in place: what the ledger's hot path needs (layout.ts).
  minifySyntax: true,
  format: 'esm',
  sourcemap: false,
  legalComments: 'none',
  outdir,
};

await rm(outdir, { recursive: true, force: true });
await Promise.all([
  build({
    ...common,
    entryPoints: {
      index: 'src/index.ts',
      cli: 'src/cli.ts',
      agent: 'src/agent/preload.ts',
      'demo-service': 'src/demo/service.ts',
    },
    packages: 'external',
    splitting: true,
    // Beside the entry points, so that agent-worker.js is found from whichever chunk starts it.
    chunkNames: '[name]-[hash]',
  }),
  build({ ...common, entryPoints: { 'agent-worker': 'src/agent/worker.ts' } }),
]);
