import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { ErrorReport } from '../../src/report/document.ts';
import type { LastReport, ProcessLast } from '../../src/report/last.ts';
import type { StatsReport } from '../../src/report/stats.ts';
import { canContain, IS_ROOT } from './container.ts';
import { environment, freshDirectory, json, memtool, start } from './memtool.ts';

const FIXTURE = fileURLToPath(new URL('../fixtures/black-box.js', import.meta.url));
const BARE = fileURLToPath(new URL('../fixtures/bare.js', import.meta.url));

async function begin(
  how: string,
  directory: string,
  options: { node?: string[]; env?: Record<string, string> } = {},
): Promise<ChildProcess & { pid: number }> {
  const child = spawn(process.execPath, [...(options.node ?? []), FIXTURE, how], {
    env: environment(directory, options.env),
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  return Object.assign(child, { pid: child.pid ?? 0 });
}

/** What `look` gives once it gives something: the agent takes a moment to begin. */
async function eventually<Found>(look: () => Promise<Found | undefined>): Promise<Found> {
  for (let poll = 0; poll < 100; poll += 1) {
    const found = await look();
    if (found !== undefined) return found;
    await sleep(100);
  }
  throw new Error('it did not come');
}

async function lastOf(target: string, directory: string): Promise<ProcessLast | undefined> {
  const [found] = json<LastReport>(await memtool(['last', target, '--json'], directory)).processes;
  return found && 'history' in found ? found : undefined;
}

/** Until its black box has seen what it holds. */
async function seen(pid: number, directory: string): Promise<ProcessLast> {
  return eventually(async () => {
    const found = await lastOf(String(pid), directory);
    return found && found.history.seconds.length > 1 && found.pools.some(({ usedBytes }) => usedBytes > 0)
      ? found
      : undefined;
  });
}

/** Ends as it was told to. */
async function end(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit');
  child.stdin?.write('\n');
  await ended;
}

const HELD = {
  name: 'orders-api',
  pools: expect.arrayContaining([
    { manager: 'orders-api', name: 'cache', usedBytes: 90 * 1024 ** 2, limitBytes: 100 * 1024 ** 2, usedPercent: 90 },
  ]),
  holders: expect.arrayContaining([expect.objectContaining({ pool: 'cache', tag: 'order-pages' })]),
  scopes: expect.arrayContaining([expect.objectContaining({ kind: 'query', name: 'q-17', user: 'ana' })]),
  events: [expect.objectContaining({ name: 'orders-api/cache', level: 'warning' })],
};

test('after SIGKILL it shows what the process held', async () => {
  const directory = freshDirectory();
  const child = await begin('kill', directory);
  expect(await seen(child.pid, directory)).toMatchObject({ ...HELD, ending: { how: 'running' } });
  await end(child);
  const { stdout, stderr, exitCode } = await memtool(['last', 'orders', '--json'], directory);
  expect(stderr).toBe('');
  const { processes } = json<LastReport>({ stdout });
  expect(processes).toMatchObject([
    { ...HELD, pid: child.pid, ending: { how: 'killed', ofMemory: false, code: null } },
  ]);
  // Its cache was at 90 % of its limit.
  expect(exitCode).toBe(1);
});

test('process.exit(3) is told with its code', async () => {
  const directory = freshDirectory();
  const child = await begin('exit', directory);
  await seen(child.pid, directory);
  await end(child);
  expect(await lastOf(String(child.pid), directory)).toMatchObject({
    ...HELD,
    ending: { how: 'exit', certainty: 'certain', code: 3 },
  });
});

test.each([
  ['throw', 'TypeError: the order has no lines'],
  ['reject', 'Error: nobody waits'],
])('an error that nobody caught (%s) is told with its text and its place', async (how, text) => {
  const directory = freshDirectory();
  const child = await begin(how, directory);
  await seen(child.pid, directory);
  await end(child);
  expect(await lastOf('orders-api', directory)).toMatchObject({
    ending: {
      how: 'error',
      code: 1,
      error: { text, stack: [expect.stringContaining('black-box.js:'), expect.stringContaining('black-box.js:')] },
    },
  });
});

test('a clean exit leaves nothing', async () => {
  const directory = freshDirectory();
  const child = await begin('clean', directory);
  await seen(child.pid, directory);
  await end(child);
  expect(readdirSync(directory)).toEqual([]);
  expect(await memtool(['last'], directory)).toMatchObject({
    exitCode: 0,
    stdout: expect.stringContaining('No process has left'),
  });
});

test('a heap that is full is told as probable, with what it was', async () => {
  const directory = freshDirectory();
  const child = await begin('heap', directory, { node: ['--max-old-space-size=40'] });
  await seen(child.pid, directory);
  await end(child);
  const found = await lastOf(String(child.pid), directory);
  expect(found).toMatchObject({ ending: { how: 'heap-limit', certainty: 'likely', ofMemory: true } });
  expect(found?.history.seconds.length).toBeGreaterThan(1);
  expect((await memtool(['last', String(child.pid)], directory)).exitCode).toBe(1);
});

test('what `memtool run` has started is told with the signal that ended it', async () => {
  const directory = freshDirectory();
  const { child } = start(['run', BARE], directory);
  const pid = await eventually(async () => {
    const name = readdirSync(directory).find((file) => file.endsWith('.last'));
    return name === undefined ? undefined : Number(name.split('-')[0]);
  });
  const ended = once(child, 'exit');
  process.kill(pid, 'SIGTERM');
  await ended;
  expect(await lastOf(String(pid), directory)).toMatchObject({
    name: 'bare.js',
    ending: { how: 'signal', signal: 'SIGTERM', certainty: 'certain' },
  });
});

test('an agent that is detached takes its black box away', async () => {
  const directory = freshDirectory();
  const child = spawn(
    process.execPath,
    ['--inspect-port=0', '-e', 'setInterval(() => {}, 1000); console.log("ready");'],
    {
      env: environment(directory),
      stdio: ['ignore', 'pipe', 'ignore'],
    },
  );
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  const boxes = (): string[] => readdirSync(directory).filter((name) => name.endsWith('.last'));
  await eventually(async () => {
    const { exitCode } = await memtool(['attach', String(child.pid)], directory);
    return exitCode === 0 ? true : undefined;
  });
  await eventually(async () => (boxes().length === 1 ? true : undefined));
  expect((await memtool(['detach', String(child.pid)], directory)).exitCode).toBe(0);
  await eventually(async () => (boxes().length === 0 ? true : undefined));
});

test('MEMTOOL_BLACK_BOX=0 switches it off', async () => {
  const directory = freshDirectory();
  const child = await begin('stay', directory, { env: { MEMTOOL_BLACK_BOX: '0' } });
  await eventually(async () => (readdirSync(directory).some((name) => name.endsWith('.sock')) ? true : undefined));
  const stats = await memtool(['stats', String(child.pid), '--json'], directory);
  expect(json<StatsReport>(stats).processes).toMatchObject([{ name: 'orders-api' }]);
  expect(readdirSync(directory).filter((name) => name.endsWith('.last'))).toEqual([]);
});

test('a file that is removed ends the black box, which stats says, and nothing else', async () => {
  const directory = freshDirectory();
  const child = await begin('stay', directory);
  await seen(child.pid, directory);
  rmSync(join(directory, readdirSync(directory).find((name) => name.endsWith('.last')) ?? ''));
  const reason = await eventually(async () => {
    const [stats] = json<StatsReport>(await memtool(['stats', String(child.pid), '--json'], directory)).processes;
    return stats && 'pools' in stats ? stats.unavailable?.['black box'] : undefined;
  });
  expect(reason).toBe('it has ended: its file was removed');
  expect(existsSync(`/proc/${child.pid}`)).toBe(true);
});

test.skipIf(!canContain() || !IS_ROOT)(
  'a full disk costs the black box and nothing else (needs root and unshare)',
  async () => {
    const directory = freshDirectory();
    // Room for the socket, and for a part of the file.
    const child = spawn(
    'unshare',
    ['--mount', 'sh', '-c', 'mount -t tmpfs -o size=100k,mode=700 none "$0" && exec "$@"', directory, process.execPath, FIXTURE, 'stay'],
    { env: environment(directory), stdio: ['pipe', 'pipe', 'ignore'] },
  ); // prettier-ignore
    onTestFinished(() => void child.kill('SIGKILL'));
    await once(child.stdout, 'data');
    const stats = await eventually(async () => {
      const asked = await memtool(['stats', String(child.pid), '--no-attach', '--json'], directory);
      const [found] = json<StatsReport>(asked).processes;
      return found && 'pools' in found && found.pools.length > 0 ? found : undefined;
    });
    expect(stats.unavailable?.['black box']).toMatch(/^it has ended: ENOSPC/);
    expect(stats.pools.map(({ name }) => name)).toContain('cache');
  },
);

describe('in a control group', () => {
  const parent = '/sys/fs/cgroup/memory';
  const group = join(parent, `memtool-test-${process.pid}`);
  const canLimit = ((): boolean => {
    try {
      mkdirSync(group);
      writeFileSync(join(group, 'memory.limit_in_bytes'), String(160 * 1024 ** 2));
      return true;
    } catch {
      return false;
    } finally {
      if (existsSync(group)) rmdirSync(group);
    }
  })();

  test.skipIf(!canLimit)('a kill by the kernel is told (needs root and a memory controller of version 1)', async () => {
    const directory = freshDirectory();
    mkdirSync(group);
    onTestFinished(() => rmdirSync(group));
    writeFileSync(join(group, 'memory.limit_in_bytes'), String(160 * 1024 ** 2));
    const child = await begin('buffers', directory);
    writeFileSync(join(group, 'cgroup.procs'), String(child.pid));
    await seen(child.pid, directory);
    await end(child);
    const found = await lastOf(String(child.pid), directory);
    expect(found).toMatchObject({ ...HELD, events: expect.anything(), ending: { how: 'oom-kill', ofMemory: true } });
    const canReadLog = found?.unavailable?.['kernel log'] === undefined;
    if (canReadLog)
      expect(found?.ending).toMatchObject({
        certainty: 'certain',
        kernelLine: expect.stringContaining(`Killed process ${child.pid}`),
      });
  });
});

describe('the command line', () => {
  test('without a target it lists what there is, newest first, and those it cannot read', async () => {
    const directory = freshDirectory();
    const pids: number[] = [];
    for (const how of ['exit', 'kill']) {
      const child = await begin(how, directory);
      await seen(child.pid, directory);
      await end(child);
      pids.unshift(child.pid);
    }
    const listed = json<LastReport>(await memtool(['last', '--json'], directory));
    expect(listed.processes).toMatchObject(
      pids.map((pid) => ({ pid, name: 'orders-api', rssBytes: expect.any(Number) })),
    );
    const text = await memtool(['last'], directory);
    expect(text).toMatchObject({ exitCode: 0, stderr: '', stdout: expect.stringMatching(/killed[^]*exit code 3/) });
    writeFileSync(join(directory, '77-1.last'), 'torn');
    const torn = await memtool(['last', '--json'], directory);
    expect(torn.exitCode).toBe(2);
    expect(json<LastReport>(torn).processes).toContainEqual(
      expect.objectContaining({ pid: 77, error: expect.objectContaining({ code: 'MEMTOOL_BAD_BLACK_BOX' }) }),
    );
    expect((await memtool(['last', '77'], directory)).stderr).toContain('77-1.last is no black box that can be read');
    // The one that can be read is also read from its file.
    const file = readdirSync(directory).find((name) => name.startsWith(`${pids[0]}-`)) ?? '';
    expect(await lastOf(join(directory, file), freshDirectory())).toMatchObject({
      pid: pids[0],
      ending: { how: 'killed' },
    });
  });

  test.each([['4242'], ['orders'], ['./nowhere.last']])(
    'of what is not there (%s) it says so, and exits with 2',
    async (target) => {
      const outcome = await memtool(['last', target, '--json'], freshDirectory());
      expect(outcome.exitCode).toBe(2);
      expect(json<ErrorReport>(outcome)).toMatchObject({ command: 'last', error: { code: 'MEMTOOL_NO_BLACK_BOX' } });
    },
  );
});
