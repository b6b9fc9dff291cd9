// Builds dist/: the library with the agent's start and the demo's service and its threads; the agent's worker (one
// self-contained file, because it can be sent into another process as text); the CLI.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { build } from 'esbuild';

const outdir = 'dist';
const { version } = JSON.parse(await readFile('package.json', 'utf8'));
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

/**
 * Keeps the start of the CLI short. The static imports of one file are all loaded before its first line; as `require` calls
 * the node: modules of a command are loaded when the command is. commander wants child_process only for commands that
 * are programs of their own, and string-width brings a pattern of all emoji where ours has a class for them.
 */
const quickStart = {
  name: 'quick-start',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^(node:|string-width$)/ }, ({ path, importer, namespace }) => {
      if (namespace === 'quick-start') return { external: true };
      const isUnused = path === 'node:child_process' && importer.includes('/commander/');
      return { path: isUnused ? 'unused' : path, namespace: 'quick-start' };
    });
    onLoad({ filter: /^node:/, namespace: 'quick-start' }, ({ path }) => ({
      contents: `module.exports = require('${path}');`,
    }));
    onLoad({ filter: /^unused$/, namespace: 'quick-start' }, () => ({ contents: 'module.exports = {};' }));
    onLoad({ filter: /^string-width$/, namespace: 'quick-start' }, () => ({
      resolveDir: import.meta.dirname,
      contents: `
        const { stripVTControlCharacters } = require('node:util');
        const { textWidth } = require('./src/render/text.ts');
        module.exports = (text) => textWidth(stripVTControlCharacters(text));
      `,
    }));
  },
};

/**
 * The page of `memtool profile --format flamegraph`, or of `memtool report --html`, with its script and style in it. Its policy
 * lets only these two run: what a profile or a recording brings in by its names is text, and would be nothing else if it were
 * taken for more.
 */
async function buildPage(name, folder) {
  const [script, style] = await Promise.all(['viewer.ts', 'page.css'].map((file) => bundleText(`${folder}/${file}`)));
  const parts = {
    script: `<script>${script}</script>`,
    style: `<style>${style}</style>`,
    policy: `script-src ${sourceHash(script)}; style-src ${sourceHash(style)}`,
  };
  const page = await readFile(`${folder}/page.html`, 'utf8');
  await mkdir(outdir, { recursive: true });
  await writeFile(
    `${outdir}/${name}`,
    page.replace(/\{\{(script|style|policy)\}\}/g, (_, part) => parts[part]),
  );
}

async function bundleText(entryPoint) {
  const { outputFiles } = await build({
    ...common,
    platform: 'browser',
    target: 'es2023',
    format: 'iife',
    entryPoints: [entryPoint],
    minify: true,
    write: false,
  });
  return outputFiles[0].text.trim();
}

function sourceHash(text) {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
}

/** What only one command needs, and is long, is a file of its own beside the CLI. */
const apart = {
  name: 'apart',
  setup({ onResolve }) {
    onResolve({ filter: /\/render\/profile\/formats\.ts$/ }, () => ({ path: './profile-formats.cjs', external: true }));
    onResolve({ filter: /\/trends\/judge\.ts$/ }, () => ({ path: './trends-judge.cjs', external: true }));
    onResolve({ filter: /\/manual\/manual\.ts$/ }, () => ({ path: './manual.cjs', external: true }));
    onResolve({ filter: /\/doctor\/judge\.ts$/ }, () => ({ path: './doctor-judge.cjs', external: true }));
  },
};

// `node esbuild.config.js bench`: the benchmarks, beside the library that they import by its name.
if (process.argv[2] === 'bench') {
  await build({
    ...common,
    entryPoints: ['test/bench/main.ts', 'test/bench/trends.ts'],
    packages: 'external',
    splitting: true,
    outdir: 'dist/bench',
  });
  process.exit();
}

await rm(outdir, { recursive: true, force: true });
await Promise.all([
  buildPage('flamegraph.html', 'src/render/profile/page'),
  buildPage('trends.html', 'src/render/trends/page'),
  build({
    ...common,
    entryPoints: {
      index: 'src/index.ts',
      structures: 'src/structures/index.ts',
      agent: 'src/agent/preload.ts',
      measure: 'src/agent/measure.ts',
      http: 'src/servers/http.ts',
      express: 'src/servers/express.ts',
      fastify: 'src/servers/fastify.ts',
      arrow: 'src/arrow/arrow.ts',
      'prom-client': 'src/metrics/prom-client.ts',
      opentelemetry: 'src/metrics/opentelemetry.ts',
      'demo-service': 'src/demo/service.ts',
      'demo-worker': 'src/demo/query-worker.ts',
    },
    packages: 'external',
    splitting: true,
    define: { 'process.env.MEMTOOL_VERSION': JSON.stringify(version) },
    // Beside the entry points, so that agent-worker.cjs is found from whichever chunk starts it.
    chunkNames: '[name]-[hash]',
  }),
  // As text both can be sent into another process, where there is no file to import from.
  build({
    ...common,
    format: 'cjs',
    entryPoints: { 'agent-worker': 'src/agent/worker.ts', 'attach-closer': 'src/inspect/attach/closer.ts' },
    outExtension: { '.js': '.cjs' },
    minify: true,
    define: { 'import.meta.url': 'undefined', 'process.env.MEMTOOL_VERSION': JSON.stringify(version) },
  }),
  build({
    ...common,
    format: 'iife',
    globalName: 'memtoolInjected',
    entryPoints: { 'injected-main': 'src/agent/injected.ts' },
    minify: true,
    define: { 'import.meta.url': 'undefined' },
  }),
  // One file, in which what is imported dynamically is still evaluated only when it is asked for. Every further file costs
  // 0.5 to 1 ms of the loader's time on Node 20: split, `memtool stats` took 98 ms of CPU time, from node_modules 101, so 86
  // (`node -e 0`: 56); and as CommonJS, which starts without the module loader's worker and promises, 5 ms less again. What
  // it may do without comes from node_modules when it is needed.
  build({
    ...common,
    format: 'cjs',
    entryPoints: { cli: 'src/cli.ts' },
    outExtension: { '.js': '.cjs' },
    external: ['chalk', 'pidusage'],
    minify: true,
    define: { 'import.meta.url': 'moduleUrl' },
    banner: { js: "const moduleUrl = require('node:url').pathToFileURL(__filename).href;" },
    plugins: [quickStart, apart],
  }),
  build({
    ...common,
    format: 'cjs',
    entryPoints: {
      'profile-formats': 'src/render/profile/formats.ts',
      'trends-judge': 'src/trends/judge.ts',
      'doctor-judge': 'src/doctor/judge.ts',
      manual: 'src/manual/manual.ts',
    },
    outExtension: { '.js': '.cjs' },
    minify: true,
  }),
]);
// From the same list of commands as the help; what is written is what `memtool completion man` prints.
await writeFile(
  `${outdir}/memtool.1`,
  execFileSync(process.execPath, [`${outdir}/cli.cjs`, 'completion', 'man'], { encoding: 'utf8' }),
);
