import { once } from 'node:events';
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ownListeners } from '../../src/inspect/attach/listeners.ts';
import type { AttachReport } from '../../src/report/attachment.ts';
import type { CleanupReport } from '../../src/report/cleanup.ts';
import { isFailure } from '../../src/report/document.ts';
import type { PressureReport } from '../../src/report/pressure.ts';
import type { StatsReport } from '../../src/report/stats.ts';
import { freshDirectory, json, memtool, start, startProgram } from './memtool.ts';

/** Nothing of memtool's is in it, and it does whatever the test says. */
const READY = "process.stdout.write('ready\\n');";
const IDLE = `setInterval(() => {}, 1000); ${READY}`;
/** Attaching leaves a process alone that is younger. */
const BOOT_MS = 1100;

/** A program that never heard of memtool and is old enough to be attached to; its inspector opens wherever there is room. */
async function subject(code: string, directory: string, options: string[] = ['--inspect-port=0']) {
  const child = await startProgram([...options, '-e', code], directory);
  await sleep(BOOT_MS);
  return child;
}

function threads(pid: number): number {
  return readdirSync(`/proc/${pid}/task`).length;
}

async function until(condition: () => boolean): Promise<void> {
  for (let poll = 0; poll < 500 && !condition(); poll += 1) await sleep(20);
  expect(condition()).toBe(true);
}

describe('a process that was started without an agent', () => {
  test('is attached to by its pid, answers, and is as before once it is detached', async () => {
    const directory = freshDirectory();
    const child = await subject(`globalThis.kept = Buffer.alloc(3e7, 1); ${IDLE}`, directory);
    const before = { threads: threads(child.pid), descriptors: readdirSync(`/proc/${child.pid}/fd`).length };
    const outcome = await memtool(['stats', String(child.pid), '--json'], directory);
    const [found] = json<StatsReport>(outcome).processes;
    expect([outcome.exitCode, outcome.stderr]).toEqual([0, '']);
    expect(found).toMatchObject({ pid: child.pid, heapUsedBytes: expect.any(Number), rssBytes: expect.any(Number) });
    if (found === undefined || isFailure(found)) throw new Error('no report');
    const { pools, resident } = found;
    expect(pools.map(({ name }) => name)).toEqual(expect.arrayContaining(['heap', 'old_space', 'array_buffers']));
    expect(resident?.rows.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(resident?.rssBytes);
    expect(ownListeners(child.pid)).toEqual([]);
    const detached = await memtool(['detach', String(child.pid)], directory);
    expect([detached.exitCode, detached.stdout]).toEqual([0, expect.stringContaining('The agent has gone')]);
    await until(() => threads(child.pid) === before.threads);
    await until(() => readdirSync(`/proc/${child.pid}/fd`).length === before.descriptors);
    expect(readdirSync(directory)).toEqual([]);
    expect(child.exitCode).toBeNull();
  });

  test('answers in an endless loop: stats, pressure and the heap, and again after a detach', async () => {
    const directory = freshDirectory();
    const child = await subject(`${READY} setTimeout(() => { for (;;); }, 50);`, directory);
    for (let round = 0; round < 2; round += 1) {
      const stats = json<StatsReport>(await memtool(['stats', String(child.pid), '--json'], directory)).processes[0];
      expect(stats).toMatchObject({ heapUsedBytes: expect.any(Number) });
      expect(stats).not.toHaveProperty('unavailable');
      const pressure = json<PressureReport>(await memtool(['pressure', String(child.pid), '--json'], directory));
      expect(pressure.processes[0]).toMatchObject({
        resources: expect.arrayContaining([expect.objectContaining({ kind: 'heap' })]),
      });
      expect((await memtool(['detach', String(child.pid)], directory)).exitCode).toBe(0);
    }
    expect(child.exitCode).toBeNull();
  });

  test('keeps an inspector that was open before', async () => {
    const directory = freshDirectory();
    const child = await subject(IDLE, directory, ['--inspect=0']);
    const open = ownListeners(child.pid);
    const report = json<AttachReport>(await memtool(['attach', String(child.pid), '--json'], directory));
    expect(report.processes[0]).toMatchObject({ agent: true, changed: true, inspectorWasOpen: true });
    expect(ownListeners(child.pid)).toEqual(open);
    const again = json<AttachReport>(await memtool(['attach', String(child.pid), '--json'], directory));
    expect(again.processes[0]).toMatchObject({ agent: true, changed: false });
  });

  test('is told apart from another process on its port, and gets no signal', async () => {
    const directory = freshDirectory();
    const server = createServer().listen(0, '127.0.0.1');
    onTestFinished(() => void server.close());
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const child = await subject(`process.on('SIGUSR1', () => process.exit(9)); ${IDLE}`, directory, [
      `--inspect-port=${port}`,
    ]);
    const outcome = await memtool(['attach', String(child.pid)], directory);
    expect([outcome.exitCode, outcome.stderr]).toEqual([2, expect.stringContaining(`port ${port}`)]);
    expect(child.exitCode).toBeNull();
  });

  test('that handles SIGUSR1 itself is left in peace after one signal, with the reason', async () => {
    const directory = freshDirectory();
    const child = await subject(`process.on('SIGUSR1', () => {}); ${IDLE}`, directory);
    const outcome = await memtool(['attach', String(child.pid), '--timeout', '2'], directory);
    expect([outcome.exitCode, outcome.stderr]).toEqual([2, expect.stringContaining('may handle SIGUSR1 itself')]);
    // Of whatever agent there is not, the system still tells.
    const stats = await memtool(['stats', String(child.pid), '--json', '--timeout', '2'], directory);
    expect(json<StatsReport>(stats).processes[0]).toMatchObject({
      rssBytes: expect.any(Number),
      unavailable: { heap: expect.any(String) },
    });
    expect(child.exitCode).toBeNull();
  });

  test('that starts, is stopped, or is no Node.js gets no signal', async () => {
    const directory = freshDirectory();
    const young = await startProgram(['-e', IDLE], directory);
    const booting = await memtool(['attach', String(young.pid)], directory);
    // The command itself takes a while to start: what it says depends on how long.
    if (booting.exitCode === 2) expect(booting.stderr).toMatch(/less than a second ago/);
    expect(young.exitCode).toBeNull();
    const stopped = await subject(IDLE, directory);
    stopped.kill('SIGSTOP');
    const outcome = await memtool(['attach', String(stopped.pid)], directory);
    expect([outcome.exitCode, outcome.stderr]).toEqual([2, expect.stringContaining('kill -CONT')]);
    const other = spawn('sleep', ['60']);
    onTestFinished(() => void other.kill());
    const none = await memtool(['leaks', String(other.pid)], directory);
    expect([none.exitCode, none.stderr]).toEqual([2, expect.stringContaining('not a Node.js process')]);
    expect([stopped.exitCode, other.exitCode]).toEqual([null, null]);
  });

  test('is not attached to with --no-attach, nor by name', async () => {
    const directory = freshDirectory();
    const child = await subject(IDLE, directory);
    const outcome = await memtool(['stats', String(child.pid), '--no-attach', '--json'], directory);
    expect(json<StatsReport>(outcome).processes[0]).toMatchObject({ heapUsedBytes: null });
    expect(readdirSync(directory)).toEqual([]);
    expect((await memtool(['detach', String(child.pid)], directory)).exitCode).toBe(2);
  });

  test('loses its agent by itself when nobody asks', async () => {
    const directory = freshDirectory();
    const child = await subject(IDLE, directory);
    const before = threads(child.pid);
    expect((await memtool(['attach', String(child.pid), '--idle', '1s'], directory)).exitCode).toBe(0);
    await until(() => threads(child.pid) === before && readdirSync(directory).length === 0);
    expect(child.exitCode).toBeNull();
  });

  test('that is inside a native call is not attached to, with the reason, and goes on with no port open', async () => {
    const directory = freshDirectory();
    const done = join(directory, 'done');
    // The signal comes while it waits for its child; what Node.js does about it comes when the child has ended.
    const child = await subject(
      `${READY} setTimeout(() => {
        require('node:child_process').execSync('sleep 6');
        require('node:fs').writeFileSync(${JSON.stringify(done)}, '');
      }, 900); setInterval(() => {}, 1000);`,
      directory,
    );
    const outcome = await memtool(['attach', String(child.pid), '--timeout', '2'], directory);
    expect([outcome.exitCode, outcome.stderr]).toEqual([2, expect.stringMatching(/native\s+call/)]);
    expect(existsSync(done)).toBe(false);
    await until(() => existsSync(done));
    await until(() => ownListeners(child.pid).length === 0);
    expect([child.exitCode, child.signalCode]).toEqual([null, null]);
    expect((await memtool(['stats', String(child.pid)], directory)).exitCode).toBe(0);
  });

  test('has its garbage collected, and is told by layer what that gave and how long it stood still', async () => {
    const directory = freshDirectory();
    const child = await subject(
      `setTimeout(() => { for (let i = 0; i < 40; i += 1) Buffer.alloc(2 ** 20, 1); }, 900); ${IDLE}`,
      directory,
    );
    const outcome = await memtool(['cleanup', String(child.pid), '--gc', '--json'], directory);
    expect([outcome.exitCode, outcome.stderr]).toEqual([0, '']);
    const [found] = json<CleanupReport>(outcome).processes;
    const beforeAndAfter = [expect.any(Number), expect.any(Number)];
    expect(found).toMatchObject({
      reclaimed: [],
      gcPauseMs: expect.any(Number),
      layers: { heapUsedBytes: beforeAndAfter, externalBytes: beforeAndAfter, rssBytes: beforeAndAfter },
    });
    const drawn = await memtool(['cleanup', String(child.pid), '--gc'], directory);
    expect([drawn.exitCode, drawn.stderr]).toEqual([0, '']);
    expect(drawn.stdout).toMatch(/LAYER .*\n {2}heap .*\n {2}external .*\n {2}RSS .*\n {2}The collection stopped/);
  });

  test('survives a memtool that is killed half-way, and no port stays open', async () => {
    const directory = freshDirectory();
    const child = await subject(IDLE, directory);
    for (const afterMs of [40, 80, 110, 130, 150]) {
      const { child: cli, outcome } = start(['attach', String(child.pid)], directory);
      await sleep(afterMs);
      cli.kill('SIGKILL');
      await outcome;
      await until(() => ownListeners(child.pid).length === 0);
    }
    expect(child.exitCode).toBeNull();
    expect((await memtool(['stats', String(child.pid)], directory)).exitCode).toBe(0);
  });

  test('that ends half-way is said to have ended', async () => {
    const directory = freshDirectory();
    const child = await subject(`${READY} setTimeout(() => process.exit(7), 1350);`, directory);
    const exited = once(child, 'exit');
    const codes: (number | null)[] = [];
    for (let round = 0; round < 3; round += 1)
      codes.push((await memtool(['stats', String(child.pid)], directory)).exitCode);
    expect(await exited).toEqual([7, null]);
    expect(codes.every((code) => code === 0 || code === 2)).toBe(true);
  });
});

test('a server that others wrote, vite, is looked at while it serves', async () => {
  const directory = freshDirectory();
  const root = freshDirectory();
  writeFileSync(join(root, 'index.html'), '<title>still here</title>');
  const vite = fileURLToPath(new URL('../../node_modules/vite/bin/vite.js', import.meta.url));
  const server = spawn(process.execPath, ['--inspect-port=0', vite, root, '--port', '0', '--host', '127.0.0.1'], {
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...process.env, NO_COLOR: '1' },
  });
  onTestFinished(() => void server.kill('SIGKILL'));
  let output = '';
  server.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  await until(() => /http:\/\/127\.0\.0\.1:\d+/.test(output));
  const url = /http:\/\/127\.0\.0\.1:\d+\//.exec(output)?.[0] ?? '';
  await sleep(BOOT_MS);
  const outcome = await memtool(['stats', String(server.pid), '--json'], directory);
  expect(json<StatsReport>(outcome).processes[0]).toMatchObject({ name: 'vite.js', heapUsedBytes: expect.any(Number) });
  expect(await (await fetch(url)).text()).toContain('still here');
  expect((await memtool(['detach', String(server.pid)], directory)).exitCode).toBe(0);
  expect(await (await fetch(url)).text()).toContain('still here');
  expect(server.exitCode).toBeNull();
});
