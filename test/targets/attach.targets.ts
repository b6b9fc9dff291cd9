import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { ownListeners } from '../../src/inspect/attach/listeners.ts';
import { askPressure, askStats } from '../../src/inspect/client.ts';
import { MemtoolError } from '../../src/errors.ts';
import type { StatsReport } from '../../src/report/stats.ts';
import { BIN, environment, freshDirectory, json, memtool } from '../commands/memtool.ts';
import { execFileSync, spawn } from 'node:child_process';
import { executable, MAJORS } from './install.ts';
import { Target } from './target.ts';

const READY = "process.stdout.write('ready\\n');";
const IDLE = `setInterval(() => {}, 1000); ${READY}`;
const SERVER = `require('node:http').createServer((_, answer) => { globalThis.gc?.(); answer.end('ok'); }).listen(0, '127.0.0.1'); ${READY}`;

const WORKERS = fileURLToPath(new URL('../fixtures/heavy-workers.js', import.meta.url));
const WORKER_NAMES = ['worker 1 (query-runner)', 'worker 2 (spinner)', 'worker 3 (importer)'] as const;
const READINGS = 30;

const CYCLES = 100;
/** What V8 keeps of the agents that have been there, once it has settled, for which it is given a minute. */
const PLATEAU_BYTES = 32 * 1024 * 1024;
const SETTLE_POLLS = 60;
const EXITS = 12;
const KILLS = 6;
const POLL_MS = 50;
/** For so long nothing has opened: what was killed had asked for it before that. */
const CALM_POLLS = 60;
const TIMEOUT_MS = 5000;

/** Its own collector, at the request of its own user; what only finalizers let go of takes a second time. */
async function collectGarbage({ pid }: Target): Promise<void> {
  const [listener] = ownListeners(pid);
  for (let time = 0; time < 3; time += 1) {
    await fetch(`http://127.0.0.1:${listener?.port}/`);
    await sleep(200);
  }
}

describe.each(MAJORS)('a target on Node.js %i', (major) => {
  test('answers, also in an endless loop, and has its heap read', async () => {
    for (const code of [IDLE, `${READY} setTimeout(() => { for (;;); }, 50);`]) {
      const target = await Target.start(major, ['-e', code], freshDirectory());
      const agent = await target.attach();
      const stats = await askStats(agent, TIMEOUT_MS);
      expect(stats).toMatchObject({
        nodeVersion: expect.stringMatching(`^v${major}\\.`),
        heapUsedBytes: expect.any(Number),
      });
      expect(stats.unavailable).toBeUndefined();
      expect((await askPressure(agent, TIMEOUT_MS)).resources).not.toEqual([]);
      await target.detach(agent);
      expect([ownListeners(target.pid), target.child.exitCode]).toEqual([[], null]);
    }
  });

  test('has the heaps of its workers read, one that spins and one that is nearly full, while others come and go', async () => {
    const target = await Target.start(major, [WORKERS, 'churn'], freshDirectory());
    const agent = await target.attach();
    // On a busy machine a worker may be late for a reading, which then says so, but not for all of them.
    const limits = new Map<string, number | null>();
    for (let reading = 0; reading < READINGS; reading += 1) {
      const { pools } = await askStats(agent, TIMEOUT_MS);
      for (const { name, limitBytes } of pools) limits.set(name, limitBytes);
    }
    expect([...limits.keys()]).toEqual(expect.arrayContaining([...WORKER_NAMES]));
    expect(limits.get(WORKER_NAMES[2])).toBe(60 * 1024 * 1024);
    let pressure = await askPressure(agent, TIMEOUT_MS);
    for (let poll = 0; poll < READINGS && pressure.level === 'normal'; poll += 1)
      pressure = await askPressure(agent, TIMEOUT_MS);
    expect([pressure.level, pressure.resources[0]?.name]).toEqual(['warning', WORKER_NAMES[2]]);
    await target.detach(agent);
    expect(target.child.exitCode).toBeNull();
    // All of those that were to end have: it says so when none is left.
    target.child.kill('SIGUSR2');
    const [code] = await once(target.child, 'exit');
    expect(code).toBe(0);
  });

  test(`is as before after ${CYCLES} times`, async () => {
    const target = await Target.start(major, ['--expose-gc', '-e', SERVER], freshDirectory());
    const twin = await Target.start(major, ['--expose-gc', '-e', SERVER], freshDirectory());
    const { threads, descriptors } = target;
    for (let cycle = 0; cycle < CYCLES; cycle += 1) {
      const agent = await target.attach();
      if (cycle % 10 === 0) await askStats(agent, TIMEOUT_MS);
      await target.detach(agent);
    }
    await target.settles(threads, descriptors);
    expect([target.threads, target.descriptors, target.child.exitCode]).toEqual([threads, descriptors, null]);
    // Its own server, and nothing else.
    expect(ownListeners(target.pid)).toHaveLength(1);
    // An idle program never collects the garbage of the cycles, 8 MiB after a hundred of them; a busy one does. And V8 keeps
    // the pages of isolates that have ended, on 26 for half a minute (18 MiB).
    await Promise.all([target, twin].map(collectGarbage));
    const isSettled = (): boolean => target.rssBytes - twin.rssBytes <= PLATEAU_BYTES;
    for (let poll = 0; poll < SETTLE_POLLS && !isSettled(); poll += 1) await sleep(1000);
    expect(target.rssBytes - twin.rssBytes).toBeLessThanOrEqual(PLATEAU_BYTES);
  });

  test('that ends at random moments ends as it would have', async () => {
    for (let round = 0; round < EXITS; round += 1) {
      const target = await Target.start(
        major,
        ['-e', `${READY} setTimeout(() => process.exit(7), ${1100 + round * 17});`],
        freshDirectory(),
      );
      const exited = once(target.child, 'exit');
      await target
        .attach()
        .then((agent) => target.detach(agent))
        .catch((error: unknown) => expect(error).toBeInstanceOf(MemtoolError));
      expect(await exited, `round ${round}`).toEqual([7, null]);
    }
  });

  test('has no port left open by a command that is killed at random moments, and lives', async () => {
    const target = await Target.start(major, ['-e', SERVER], freshDirectory());
    for (let round = 0; round < KILLS; round += 1) {
      const cli = spawn(process.execPath, [BIN, 'attach', String(target.pid)], {
        env: environment(target.directory),
        stdio: 'ignore',
      });
      await sleep(60 + Math.random() * 120);
      cli.kill('SIGKILL');
      // Its own server stays.
      for (let calm = 0, poll = 0; calm < CALM_POLLS && poll < 10 * CALM_POLLS; poll += 1) {
        calm = ownListeners(target.pid).length === 1 ? calm + 1 : 0;
        await sleep(POLL_MS);
      }
      expect([ownListeners(target.pid).length, target.child.exitCode, target.child.signalCode]).toEqual([
        1,
        null,
        null,
      ]);
      const detached = await memtool(['detach', String(target.pid)], target.directory);
      expect([0, 2]).toContain(detached.exitCode);
    }
  });

  test('is attached to by the command of any version', async () => {
    const target = await Target.start(20, ['-e', IDLE], freshDirectory());
    const stdout = execFileSync(executable(major), [BIN, 'stats', String(target.pid), '--json'], {
      env: environment(target.directory),
      encoding: 'utf8',
    });
    expect(json<StatsReport>({ stdout }).processes[0]).toMatchObject({
      nodeVersion: expect.stringMatching(/^v20\./),
      heapUsedBytes: expect.any(Number),
    });
    expect((await memtool(['detach', String(target.pid)], target.directory)).exitCode).toBe(0);
    await sleep(100);
    expect(target.child.exitCode).toBeNull();
  });
});
