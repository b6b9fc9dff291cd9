import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BenchRow } from './ratio.ts';

const SECONDS = 20;
/** What a black box may take of one core. */
const BUDGET_SHARE = 0.01;

/** Its main thread has nothing to do, or only a little: the rest is the agent's. */
const PROGRAMS: Record<string, string> = {
  'an idle process with pools': 'console.log("ready"); setInterval(() => {}, 60_000);',
  'one with 100,000 records and 500 queries, that grows by 5 % each second': `
    const pool = memory.pool('query');
    globalThis.held = Array.from({ length: 100_000 }, (_, index) => pool.reserve(64, { tag: 'rows-' + (index % 50) }));
    for (let id = 0; id < 500; id += 1) void memory.query('q-' + id, {}, () => { pool.reserve(64); return new Promise(() => {}); });
    globalThis.kept = [];
    console.log("ready");
    setInterval(() => kept.push(Buffer.alloc(5 * 1024 * 1024, 1)), 1000);`,
};

interface Run {
  child: ChildProcess;
  directory: string;
}

async function begin(program: string, withBox: boolean): Promise<Run> {
  const directory = mkdtempSync(join(tmpdir(), 'memtool-bench-'));
  const library = import.meta.resolve('memtool');
  const source = `import { MemoryManager } from '${library}';
    const memory = new MemoryManager({ name: 'bench', autoCleanup: false, pools: { query: { limit: '1GiB' } } });
    ${program}`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', source], {
    env: { ...process.env, MEMTOOL_DIR: directory, MEMTOOL_BLACK_BOX: withBox ? '1' : '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  // The agent has started, and the process has settled.
  await sleep(3000);
  return { child, directory };
}

/** Of all threads of the process, by the scheduler's own count, which is in nanoseconds. */
function cpuSeconds({ pid }: ChildProcess): number {
  return readdirSync(`/proc/${pid}/task`).reduce((sum, tid) => {
    const [onCpu = '0'] = readFileSync(`/proc/${pid}/task/${tid}/schedstat`, 'utf8').split(' ');
    return sum + Number(onCpu) / 1e9;
  }, 0);
}

async function end({ child, directory }: Run): Promise<void> {
  child.kill('SIGKILL');
  await once(child, 'exit');
  rmSync(directory, { recursive: true, force: true });
}

/** CPU time that the black box adds to an agent, side by side with one without; and that its file does not grow. */
export async function bench(): Promise<BenchRow[]> {
  const rows: BenchRow[] = [];
  for (const [work, program] of Object.entries(PROGRAMS)) {
    const runs = [await begin(program, false), await begin(program, true)];
    const before = runs.map(({ child }) => cpuSeconds(child));
    await sleep(SECONDS * 1000);
    const shares = runs.map(({ child }, index) => (cpuSeconds(child) - (before[index] ?? 0)) / SECONDS);
    const [without = 0, withBox = 0] = shares;
    const directory = runs[1]?.directory ?? '';
    const file = readdirSync(directory).find((name) => name.endsWith('.last')) ?? '';
    const { size, blocks } = statSync(join(directory, file));
    for (const run of runs) await end(run);
    rows.push({
      work: `CPU that the black box adds: ${work}`,
      baseline: '1 % of a core',
      ratio: (withBox - without) / BUDGET_SHARE,
      target: { max: 1 },
      note: `${(without * 100).toFixed(3)} % without, ${(withBox * 100).toFixed(3)} % with; file of ${Math.round(size / 1024)} KiB, ${(blocks * 512) / 1024} on the disk`,
    });
  }
  return rows;
}
