import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { CleanupReport } from '../../src/report/cleanup.ts';
import type { ErrorReport } from '../../src/report/document.ts';
import type { LeaksReport } from '../../src/report/leaks.ts';
import type { PressureReport } from '../../src/report/pressure.ts';
import type { ProcessesReport } from '../../src/report/processes.ts';
import type { StatsReport } from '../../src/report/stats.ts';
import { freshDirectory, json, memtool, startAgent, startProgram } from './memtool.ts';

const BARE = ['-e', 'console.log("ready"); setInterval(() => {}, 1000)'];

describe('stats', () => {
  test('draws the pools, largest first, and exits 0', async () => {
    const directory = freshDirectory();
    await startAgent('calm', directory);
    const { stdout, stderr, exitCode } = await memtool(['stats'], directory);
    expect(stderr).toBe('');
    expect(stdout).toMatch(/cache .*85\.0 MiB[^]*temp .*24\.5 MiB[^]*query .*3\.0 MiB[^]*total .*112\.5 MiB/);
    expect(exitCode).toBe(0);
  });

  test('--json prints one object with all that the agent said', async () => {
    const directory = freshDirectory();
    const { pid } = await startAgent('calm', directory);
    const outcome = await memtool(['stats', '--json'], directory);
    expect(outcome).toMatchObject({ stderr: '', exitCode: 0 });
    expect(outcome.stdout.trimEnd().split('\n')).toHaveLength(1);
    expect(json<StatsReport>(outcome)).toMatchObject({
      schemaVersion: 1,
      command: 'stats',
      processes: [{ pid, name: 'orders-api', pools: [{ name: 'query' }, { name: 'cache' }, { name: 'temp' }] }],
    });
  });

  test('with nothing running says what to type next, and exits 0', async () => {
    const directory = freshDirectory();
    await startProgram(BARE, directory);
    const { stdout, stderr, exitCode } = await memtool(['stats'], directory);
    expect(stderr).toBe('');
    expect(stdout).toContain('No process with a memtool agent is running.');
    // Of what else runs here only the ten largest are shown.
    expect(stdout).toContain('These Node.js processes of yours have none:');
    expect(stdout).toMatch(/^ {2}memtool stats \d+$/m);
    expect(exitCode).toBe(0);
  });

  test('of a process without an agent gives what the system knows', async () => {
    const directory = freshDirectory();
    const { pid } = await startProgram(BARE, directory);
    const outcome = await memtool(['stats', String(pid), '--json', '--no-attach'], directory);
    expect(outcome).toMatchObject({ stderr: '', exitCode: 0 });
    expect(json<StatsReport>(outcome).processes).toMatchObject([
      {
        pid,
        rssBytes: expect.any(Number),
        heapUsedBytes: null,
        pools: [],
        unavailable: { pools: expect.stringMatching(/no agent|started less than a second ago/) },
      },
    ]);
  });

  test('of several, one that does not answer is a failure beside the others, and the exit code is 2', async () => {
    const directory = freshDirectory();
    const { pid } = await startAgent('calm', directory);
    const hung = await startAgent('hung', directory);
    const outcome = await memtool(['stats', '--json', '--timeout', '0.5'], directory);
    expect(outcome).toMatchObject({ stderr: '', exitCode: 2 });
    expect(json<StatsReport>(outcome).processes).toHaveLength(2);
    expect(json<StatsReport>(outcome).processes).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ pid, name: 'orders-api' }),
        expect.objectContaining({
          pid: hung.pid,
          name: 'agent.js',
          error: expect.objectContaining({ code: 'MEMTOOL_TIMEOUT' }),
        }),
      ]),
    );
  });

  test('of a process that dies while it is asked: exit 2, and its socket is gone at the next command', async () => {
    const directory = freshDirectory();
    const child = await startAgent('dying', directory);
    const outcome = await memtool(['stats', String(child.pid), '--json'], directory);
    expect(outcome).toMatchObject({ stderr: '', exitCode: 2 });
    expect(json<ErrorReport>(outcome)).toMatchObject({
      command: 'stats',
      processes: [],
      error: { code: 'MEMTOOL_TARGET_GONE' },
    });
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    expect(readdirSync(directory)).toHaveLength(1);
    expect(json<StatsReport>(await memtool(['stats', '--json'], directory)).processes).toEqual([]);
    expect(readdirSync(directory)).toEqual([]);
  });
});

describe('pressure', () => {
  test.each([
    ['calm', 'normal', 0],
    ['busy', 'warning', 1],
  ])('%s: level %s, exit %d', async (behaviour, level, exitCode) => {
    const directory = freshDirectory();
    const { pid } = await startAgent(behaviour, directory);
    const outcome = await memtool(['pressure', '--json'], directory);
    expect(outcome).toMatchObject({ stderr: '', exitCode });
    expect(json<PressureReport>(outcome)).toMatchObject({ command: 'pressure', level, processes: [{ pid, level }] });
  });

  test('names the resource that is nearest to its limit, and what to type', async () => {
    const directory = freshDirectory();
    const { pid } = await startAgent('busy', directory);
    const { stdout, stderr } = await memtool(['pressure'], directory);
    expect(stderr).toBe('');
    expect(stdout).toContain('Pool cache is at 85.0 % of its limit and full in 15m at its present growth.');
    expect(stdout).toContain(`memtool leaks ${pid} --age 0`);
  });
});

describe('leaks', () => {
  test.each([
    ['calm', 0],
    ['busy', 1],
  ])('%s: exit %d', async (behaviour, exitCode) => {
    const directory = freshDirectory();
    await startAgent(behaviour, directory);
    const outcome = await memtool(['leaks', '--age', '1.5m', '--json'], directory);
    expect(outcome).toMatchObject({ stderr: '', exitCode });
    expect(json<LeaksReport>(outcome)).toMatchObject({
      command: 'leaks',
      ageSeconds: 90,
      processes: [{ askedAge: '90' }],
    });
  });

  test('says so when there are none', async () => {
    const directory = freshDirectory();
    await startAgent('calm', directory);
    const { stdout, stderr } = await memtool(['leaks'], directory);
    expect(stderr).toBe('');
    expect(stdout).toContain('No leaks: nothing is lost or orphaned');
  });

  test('of a process without an agent: exit 2, with the way to get one', async () => {
    const directory = freshDirectory();
    const { pid } = await startProgram(BARE, directory);
    const { stdout, stderr, exitCode } = await memtool(['leaks', String(pid), '--no-attach'], directory);
    expect(stdout).toBe('');
    expect(stderr).toContain(`Process ${pid} ([eval]) has no memtool agent`);
    expect(stderr).toContain(`memtool attach ${pid}`);
    expect(exitCode).toBe(2);
  });
});

describe('cleanup', () => {
  test('passes its options on and says what was given back and what was left', async () => {
    const directory = freshDirectory();
    await startAgent('calm', directory);
    const options = ['--age', '2s', '--pool', 'temp', '--gc', '--dry-run', '--force'];
    const outcome = await memtool(['cleanup', '--json', ...options], directory);
    expect(outcome).toMatchObject({ stderr: '', exitCode: 0 });
    expect(json<CleanupReport>(outcome)).toMatchObject({
      command: 'cleanup',
      dryRun: true,
      ageSeconds: 2,
      processes: [
        { request: { ageSeconds: 2, pool: 'temp', gc: true, dryRun: true, force: true }, totals: { bytes: 3145728 } },
      ],
    });
  });

  test('of several without `all` refuses and lists them', async () => {
    const directory = freshDirectory();
    const first = await startAgent('calm', directory, 'orders-api');
    const second = await startAgent('calm', directory, 'orders-worker');
    const { stdout, stderr, exitCode } = await memtool(['cleanup', 'orders'], directory, { COLUMNS: '200' });
    expect(stdout).toBe('');
    expect(stderr).toContain('There are 2 processes to choose from');
    expect(stderr).toContain(`${first.pid} (orders-api)`);
    expect(stderr).toContain(`${second.pid} (orders-worker)`);
    // `all` is more than what has this name.
    expect(stderr).not.toContain('memtool cleanup all');
    expect((await memtool(['cleanup'], directory)).stderr).toContain('memtool cleanup all');
    expect(exitCode).toBe(2);
  });

  test.each([[['all']], [['--force']]])('%j off a terminal needs --yes', async (words) => {
    const directory = freshDirectory();
    await startAgent('calm', directory);
    const refused = await memtool(['cleanup', ...words, '--json'], directory);
    expect(refused).toMatchObject({ stderr: '', exitCode: 2 });
    expect(json<ErrorReport>(refused).error.code).toBe('MEMTOOL_NOT_CONFIRMED');
    const confirmed = await memtool(['cleanup', ...words, '--yes', '--json'], directory);
    expect(confirmed).toMatchObject({ stderr: '', exitCode: 0 });
    expect(json<CleanupReport>(confirmed).processes).toMatchObject([{ request: { force: words.includes('--force') } }]);
  });
});

describe('ps', () => {
  test('lists processes with and without an agent, and exits 0', async () => {
    const directory = freshDirectory();
    const { pid } = await startAgent('calm', directory);
    const bare = await startProgram(BARE, directory);
    const outcome = await memtool(['ps', '--json'], directory);
    expect(outcome).toMatchObject({ stderr: '', exitCode: 0 });
    const { processes } = json<ProcessesReport>(outcome);
    expect(processes.find((found) => found.pid === pid)).toMatchObject({
      name: 'orders-api',
      agent: true,
      pools: 3,
      rssBytes: expect.any(Number),
    });
    expect(processes.find((found) => found.pid === bare.pid)).toMatchObject({
      name: '[eval]',
      agent: false,
      pools: 0,
      reason: expect.any(String),
    });
  });

  test('gives the reason of an agent that does not answer', async () => {
    const directory = freshDirectory();
    const { pid } = await startAgent('hung', directory);
    const outcome = await memtool(['ps', '--json', '--timeout', '0.3'], directory);
    expect(outcome).toMatchObject({ stderr: '', exitCode: 0 });
    expect(json<ProcessesReport>(outcome).processes.find((found) => found.pid === pid)).toMatchObject({
      agent: true,
      reason: expect.stringContaining('did not answer within 0.3 s'),
    });
  });
});

describe('a target', () => {
  test('may be a part of a manager`s name, or else of a script`s', async () => {
    const directory = freshDirectory();
    const orders = await startAgent('calm', directory, 'orders-api');
    const users = await startAgent('calm', directory, 'users-agent');
    const pids = async (target: string): Promise<Set<number>> => {
      const { processes } = json<StatsReport>(await memtool(['stats', target, '--json'], directory));
      return new Set(processes.map(({ pid }) => pid));
    };
    expect(await pids('orders')).toEqual(new Set([orders.pid]));
    expect(await pids('agent')).toEqual(new Set([users.pid]));
    expect(await pids('gent.js')).toEqual(new Set([orders.pid, users.pid]));
    expect(await pids('all')).toEqual(new Set([orders.pid, users.pid]));
    expect(await pids(String(orders.pid))).toEqual(new Set([orders.pid]));
  });

  test.each(['Orders', '1073741824'])('%s that is not there: exit 2', async (target) => {
    const directory = freshDirectory();
    await startAgent('calm', directory);
    const outcome = await memtool(['stats', target, '--json'], directory);
    expect(outcome).toMatchObject({ stderr: '', exitCode: 2 });
    expect(json<ErrorReport>(outcome)).toMatchObject({ command: 'stats', error: { code: 'MEMTOOL_NO_PROCESS' } });
  });

  test.each(['pressure', 'leaks', 'cleanup'])(
    'none, and nothing running: %s exits 2 and says what to start',
    async (command) => {
      const { stdout, stderr, exitCode } = await memtool([command], freshDirectory());
      expect(stdout).toBe('');
      // What it names depends on which Node processes run here, and so do its line breaks.
      expect(stderr.replaceAll(/\s+/g, ' ')).toMatch(
        /No process with a memtool agent is running\. .*`memtool (run|stats) /,
      );
      expect(exitCode).toBe(2);
    },
  );
});
