/**
 * `npm run bench [name]`: what DESIGN section 10 promises, each row a ratio against a baseline of the same run. Every
 * benchmark has a process of its own, so that none runs on what the compiler has learnt from another.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { BenchRow } from './ratio.ts';

const BENCHES: Record<string, () => Promise<{ bench: () => Promise<BenchRow[]> }>> = {
  reserve: () => import('./reserve.ts'),
  scoped: () => import('./scoped.ts'),
  threads: () => import('./threads.ts'),
  allocate: () => import('./allocate.ts'),
  'record-memory': () => import('./record-memory.ts'),
  'gc-time': () => import('./gc-time.ts'),
  'leak-scan': () => import('./leak-scan.ts'),
  'demo-throughput': () => import('./demo-throughput.ts'),
  command: () => import('./command.ts'),
  sampler: () => import('./sampler.ts'),
  buffers: () => import('./buffers.ts'),
  recording: () => import('./recording.ts'),
  'black-box': () => import('./black-box.ts'),
  cache: () => import('./cache.ts'),
  payloads: () => import('./payloads.ts'),
  refusal: () => import('./refusal.ts'),
  servers: () => import('./servers.ts'),
};

const [name] = process.argv.slice(2);
if (name === undefined) {
  print('work', 'against', 'ratio', 'target', '');
  print('---', '---', '---', '---', '---');
  for (const each of Object.keys(BENCHES)) {
    spawnSync(process.execPath, ['--expose-gc', fileURLToPath(import.meta.url), each], {
      stdio: ['ignore', 'inherit', 'inherit'],
    });
  }
} else {
  const load = BENCHES[name];
  if (load === undefined) throw new Error(`There is no benchmark ${name}: ${Object.keys(BENCHES).join(', ')}.`);
  const { bench } = await load();
  for (const { work, baseline, ratio, target, note } of await bench()) {
    const [met, promised] =
      'max' in target ? [ratio <= target.max, `<= ${target.max}`] : [ratio >= target.min, `>= ${target.min}`];
    print(work, baseline, `${ratio.toFixed(2)} x`, `${promised}${met ? '' : ' (missed)'}`, note);
  }
}

/** A row of a Markdown table, as the README shows it. */
function print(...cells: string[]): void {
  process.stdout.write(`| ${cells.join(' | ')} |\n`);
}
