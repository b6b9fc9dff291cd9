import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { median, type BenchRow } from './ratio.ts';

const ROUNDS = 21;

/** A program of a few lines that only uses the library. */
const TARGET = `
  import { MemoryManager } from 'memtool';
  const memory = new MemoryManager({ name: 'bench-target' });
  globalThis.held = memory.pool('cache').reserve(1_000_000, { tag: 'held' });
  setInterval(() => {}, 1000);
  process.stdout.write('ready');
`;

/** `memtool stats` as a whole process, against the barest Node process there is. */
export async function bench(): Promise<BenchRow[]> {
  const directory = mkdtempSync(join(tmpdir(), 'memtool-bench-'));
  const environment = { ...process.env, MEMTOOL_DIR: directory, NO_COLOR: '1' };
  const target = spawn(process.execPath, ['--input-type=module', '-e', TARGET], {
    env: environment,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(target.stdout, 'data');
  const stats = ['bin/memtool.js', 'stats', String(target.pid)];
  waitForAgent(stats, environment);
  const ratios: number[] = [];
  const bare: number[] = [];
  const whole: number[] = [];
  for (let round = 0; round < ROUNDS + 1; round += 1) {
    const bareMs = timeMs(['-e', '0'], environment);
    const wholeMs = timeMs(stats, environment);
    // The first round fills the file cache and the compile cache.
    if (round === 0) continue;
    bare.push(bareMs);
    whole.push(wholeMs);
    ratios.push(wholeMs / bareMs);
  }
  target.kill();
  await once(target, 'exit');
  rmSync(directory, { recursive: true, force: true });
  const isNode20 = process.versions.node.startsWith('20.');
  const note = `${median(whole).toFixed(0)} ms against ${median(bare).toFixed(0)} ms`;
  return [
    {
      work: 'memtool stats, whole process',
      baseline: 'node -e 0',
      ratio: median(ratios),
      target: { max: isNode20 ? 1.35 : 1.8 },
      note,
    },
  ];
}

function timeMs(args: string[], env: NodeJS.ProcessEnv): number {
  const start = performance.now();
  spawnSync(process.execPath, args, { env, stdio: 'ignore' });
  return performance.now() - start;
}

function waitForAgent(stats: string[], env: NodeJS.ProcessEnv): void {
  for (let attempt = 0; attempt < 50; attempt += 1) {
    if (spawnSync(process.execPath, stats, { env, stdio: 'ignore' }).status === 0) return;
  }
  throw new Error('the target never answered');
}
