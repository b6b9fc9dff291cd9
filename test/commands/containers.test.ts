import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { AttachReport } from '../../src/report/attachment.ts';
import type { CleanupReport } from '../../src/report/cleanup.ts';
import type { ErrorReport } from '../../src/report/document.ts';
import type { LeaksReport } from '../../src/report/leaks.ts';
import type { PressureReport } from '../../src/report/pressure.ts';
import type { ProcessesReport } from '../../src/report/processes.ts';
import type { StatsReport } from '../../src/report/stats.ts';
import { canContain, contain, hasProgram, IS_ROOT, startAs } from './container.ts';
import { BIN, environment, freshDirectory, json, memtool } from './memtool.ts';

const LIBRARY = new URL('../../dist/index.js', import.meta.url).href;
const AGENT = new URL('../../dist/agent.js', import.meta.url).href;
const IDLE = 'setInterval(() => {}, 1000); console.log("ready");';
/** Attaching leaves a process alone that is younger. */
const BOOT_MS = 1100;

const POOLS = `
  import { MemoryManager } from '${LIBRARY}';
  const memory = new MemoryManager({ name: 'boxed', autoCleanup: false });
  globalThis.held = memory.pool('cache').reserve(90 * 1024 * 1024, { tag: 'rows' });
  ${IDLE}`;
const withPools = ['--input-type=module', '-e', POOLS];

/** What `look` gives once it gives something: an agent takes a moment to listen. */
async function eventually<Found>(look: () => Promise<Found | undefined>): Promise<Found> {
  for (let poll = 0; poll < 100; poll += 1) {
    const found = await look();
    if (found !== undefined) return found;
    await sleep(50);
  }
  throw new Error('it did not come');
}

async function listed(directory: string, pid: number) {
  const { processes } = json<ProcessesReport>(await memtool(['ps', '--json'], directory));
  return processes.find((one) => one.pid === pid);
}

async function appears(directory: string, pid: number) {
  return eventually(async () => {
    const found = await listed(directory, pid);
    return found !== undefined && 'agent' in found && found.agent ? found : undefined;
  });
}

describe.skipIf(!canContain())('a process in a container (needs unshare)', () => {
  test('with an agent is found by every verb, under the pid it has here', async () => {
    const hidden = freshDirectory();
    // As long as an address can be: with /proc/PID/root before it, it no longer fits.
    const directory = join(hidden, 'd'.repeat(80 - hidden.length));
    const { pid } = await contain(withPools, hidden, { MEMTOOL_DIR: directory });
    expect(await appears(directory, pid)).toMatchObject({ pid, pidInside: 1, name: 'boxed', pools: 3 });
    expect(readdirSync(hidden)).toEqual([]);

    const stats = json<StatsReport>(await memtool(['stats', '--json'], directory));
    expect(stats.processes).toMatchObject([{ pid, pidInside: 1, resident: { rssBytes: expect.any(Number) } }]);
    const byName = await memtool(['pressure', 'boxed', '--json'], directory);
    expect([byName.exitCode, json<PressureReport>(byName).processes]).toMatchObject([1, [{ pid, level: 'warning' }]]);
    // By its pid it is found wherever our own directory is.
    const leaks = await eventually(async () => {
      const asked = await memtool(['leaks', String(pid), '--age', '0', '--json'], freshDirectory());
      const [found] = json<LeaksReport>(asked).processes;
      // Stale is what is older, and ages are in seconds; what is on the heap may be there before.
      return found && 'leaks' in found && found.leaks.some(({ tag }) => tag === 'rows') ? found : undefined;
    });
    expect(leaks).toMatchObject({ pid, leaks: expect.arrayContaining([expect.objectContaining({ tag: 'rows' })]) });
    const cleanup = await memtool(['cleanup', String(pid), '--age', '0', '--force', '--yes', '--json'], directory);
    expect(json<CleanupReport>(cleanup).processes).toMatchObject([
      { pid, reclaimed: expect.arrayContaining([expect.objectContaining({ tag: 'rows' })]) },
    ]);
  });

  test('is attached to, answers, and is as before once it is detached', async () => {
    const hidden = freshDirectory();
    const directory = join(hidden, 's');
    const { pid, child } = await contain(['--inspect-port=0', '-e', IDLE], hidden, { MEMTOOL_DIR: directory });
    await sleep(BOOT_MS);
    const before = readdirSync(`/proc/${pid}/task`).length;
    const [attached] = json<AttachReport>(await memtool(['attach', String(pid), '--json'], freshDirectory())).processes;
    expect(attached).toMatchObject({ pid, pidInside: 1, changed: true });
    expect(readdirSync(hidden)).toEqual([]);
    const stats = await memtool(['stats', '--json'], directory);
    expect(json<StatsReport>(stats).processes).toMatchObject([{ pid, heapUsedBytes: expect.any(Number) }]);
    const again = json<AttachReport>(await memtool(['attach', String(pid), '--json'], directory)).processes;
    expect(again).toMatchObject([{ pid, changed: false }]);
    expect((await memtool(['detach', String(pid)], directory)).exitCode).toBe(0);
    await expect.poll(() => readdirSync(`/proc/${pid}/task`).length, { timeout: 10_000 }).toBe(before);
    expect(readdirSync(`/proc/${pid}/root${directory}`)).toEqual([]);
    expect(child.exitCode).toBeNull();
  });

  test('whose agent failed is listed with the reason', async () => {
    const hidden = freshDirectory();
    const directory = join(hidden, 'd'.repeat(100));
    const { pid } = await contain(['--import', AGENT, '-e', IDLE], hidden, { MEMTOOL_DIR: directory });
    const found = await eventually(async () => {
      const one = await listed(freshDirectory(), pid);
      return one !== undefined && 'reason' in one && one.reason?.includes('its agent failed') ? one : undefined;
    });
    expect(found).toMatchObject({ agent: false, reason: expect.stringContaining('over 107 bytes') });
  });

  test('that has put a link in place of its directory is shown without an agent, and the link is not followed', async () => {
    const hidden = freshDirectory();
    const trap = freshDirectory();
    const directory = join(hidden, 's');
    const lay = `require('fs').symlinkSync(${JSON.stringify(trap)}, ${JSON.stringify(directory)}); ${IDLE}`;
    const { pid, child } = await contain(['--inspect-port=0', '-e', lay], hidden, { MEMTOOL_DIR: directory });
    await sleep(BOOT_MS);
    const attach = await memtool(['attach', String(pid), '--json'], freshDirectory());
    expect(json<ErrorReport>(attach).error).toMatchObject({ code: 'MEMTOOL_SOCKET_DIRECTORY' });
    const stats = await memtool(['stats', String(pid), '--json'], freshDirectory());
    expect(json<StatsReport>(stats).processes).toMatchObject([
      { rssBytes: expect.any(Number), unavailable: { heap: expect.stringContaining('symbolic link') } },
    ]);
    expect([readdirSync(trap), child.exitCode]).toEqual([[], null]);
  });

  test.skipIf(!canContain(['--user', '--map-root-user']))(
    'that takes itself for root (needs a user namespace) has the directory of that name',
    async () => {
      const hidden = freshDirectory();
      const place = { MEMTOOL_DIR: '', XDG_RUNTIME_DIR: '', TMPDIR: hidden };
      const { pid } = await contain(withPools, hidden, place, IS_ROOT ? ['--user', '--map-root-user'] : []);
      const socket = await eventually(async () => {
        const [one] = readdirSync(`/proc/${pid}/root${hidden}`);
        return one;
      });
      expect(socket).toBe('memtool-0');
      const stats = await eventually(async () => {
        const outcome = await memtool(['stats', String(pid), '--no-attach', '--json'], freshDirectory());
        const [found] = json<StatsReport>(outcome).processes;
        return found?.name === 'boxed' ? found : undefined;
      });
      expect(stats).toMatchObject({ pid, pidInside: 1 });
    },
  );

  test.skipIf(!canContain(['--time', '--boottime', '100000']))(
    'whose clock began at another time (needs a time namespace) is found',
    async () => {
      const hidden = freshDirectory();
      const directory = join(hidden, 's');
      const { pid } = await contain(withPools, hidden, { MEMTOOL_DIR: directory }, ['--time', '--boottime', '100000']);
      expect(await appears(directory, pid)).toMatchObject({ pid, name: 'boxed' });
    },
  );
});

describe.skipIf(!canContain(['--net']) || !IS_ROOT || !hasProgram('nsenter'))(
  'a network of its own (needs root and nsenter)',
  () => {
    test('is entered with what the refusal says, and not needed any more after that', async () => {
      const hidden = freshDirectory();
      const directory = join(hidden, 's');
      const place = { MEMTOOL_DIR: directory };
      const { pid, child } = await contain(['--inspect-port=0', '-e', IDLE], hidden, place, ['--net']);
      await sleep(BOOT_MS);
      const { error } = json<ErrorReport>(await memtool(['attach', String(pid), '--json'], freshDirectory()));
      const command = /`(nsenter [^`]*)`/.exec(error.hint ?? '')?.[1] ?? '';
      expect(command).toBe(`nsenter -t ${pid} -n ${process.execPath} ${BIN} attach ${pid}`);
      const typed = (): { status: number | null; stderr: string } =>
        spawnSync('sh', ['-c', command], { env: environment(freshDirectory()), encoding: 'utf8' });
      // Nothing is sent while an inspector could be opened and not be reached.
      expect(typed()).toMatchObject({ status: 2, stderr: expect.stringContaining('loopback') });
      execFileSync('nsenter', ['-t', String(pid), '-n', ...loopbackUp()]);
      expect(typed()).toMatchObject({ status: 0 });
      const stats = await memtool(['stats', '--json'], directory);
      expect(json<StatsReport>(stats).processes).toMatchObject([{ pid, heapUsedBytes: expect.any(Number) }]);
      expect((await memtool(['detach', String(pid)], directory)).exitCode).toBe(0);
      expect(child.exitCode).toBeNull();
    });
  },
);

function loopbackUp(): string[] {
  return hasProgram('ip') ? ['ip', 'link', 'set', 'lo', 'up'] : ['ifconfig', 'lo', 'up'];
}

describe.skipIf(!IS_ROOT)('a process of another user (needs root)', () => {
  const USER = 4321;

  /** The same files as ours, and a directory of the user's own for temporary ones. */
  async function startInOwn(words: string[]) {
    const temporary = freshDirectory();
    execFileSync('chmod', ['711', temporary]);
    execFileSync('mkdir', ['-m', '700', join(temporary, 'own')]);
    execFileSync('chown', [`${USER}:${USER}`, join(temporary, 'own')]);
    const place = { MEMTOOL_DIR: '', XDG_RUNTIME_DIR: '', TMPDIR: join(temporary, 'own') };
    const { pid } = await startAs(USER, words, place);
    return { pid, directory: join(temporary, 'own', `memtool-${USER}`) };
  }

  test('is attached to: its agent listens in a directory of that user, who finds it too', async () => {
    const { pid, directory } = await startInOwn(['--inspect-port=0', '-e', IDLE]);
    await sleep(BOOT_MS);
    const attached = json<AttachReport>(await memtool(['attach', String(pid), '--json'], freshDirectory()));
    expect(attached.processes).toMatchObject([{ pid, changed: true, socket: expect.stringContaining(directory) }]);
    const { uid, mode } = statSync(directory);
    expect([uid, mode & 0o777]).toEqual([USER, 0o700]);
    const stats = await memtool(['stats', '--json'], directory, { MEMTOOL_DIR: '' });
    const found = json<StatsReport>(stats).processes.find((one) => one.pid === pid);
    expect(found).toMatchObject({ pid, heapUsedBytes: expect.any(Number) });
    expect(found).not.toHaveProperty('pidInside');
    expect((await memtool(['detach', String(pid)], freshDirectory())).exitCode).toBe(0);
    expect(readdirSync(directory)).toEqual([]);
  });

  test('with an agent of its own is found, though that user has no name', async () => {
    const { pid } = await startInOwn(withPools);
    const stats = await eventually(async () => {
      const outcome = await memtool(['stats', '--json'], '');
      return json<StatsReport>(outcome).processes.find((one) => one.pid === pid);
    });
    expect(stats).toMatchObject({ pid, name: 'boxed' });
  });
});
