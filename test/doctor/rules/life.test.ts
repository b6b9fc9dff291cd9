import { describe, expect, test } from 'vitest';
import { blocked, gcBusy } from '../../../src/doctor/rules/activity.ts';
import { noAgent } from '../../../src/doctor/rules/no-agent.ts';
import { diedBefore, ended } from '../../../src/doctor/rules/ended.ts';
import type { LastEnding, LastListing } from '../../../src/report/last.ts';
import { MIB, recorded, withStats } from '../recorded.ts';

const plain = recorded();
const idle = { seconds: 2, busyPercent: 1, sleeps: 40, gcPauseMs: 0 };

const find = (gcPauseMs: number | null) => gcBusy({ ...plain, activity: { ...idle, gcPauseMs } });

describe('gc-busy', () => {
  test('is told from a tenth of the time on, and is critical from four tenths', () => {
    expect(find(300)).toMatchObject([{ severity: 'warning', certainty: 'likely' }]);
    expect(find(1000)).toMatchObject([{ severity: 'critical' }]);
    expect(find(40)).toEqual([]);
    expect(find(null)).toEqual([]);
  });

  test('of a heap near its limit leads to who fills it', () => {
    const cramped = withStats(plain, { heapUsedBytes: 90 * MIB, heapLimitBytes: 100 * MIB });
    const [found] = gcBusy({ ...cramped, activity: { ...idle, gcPauseMs: 900 } });
    expect(found?.next[0]?.command).toMatch(/^memtool leaks \d+ --wait$/);
  });
});

describe('blocked', () => {
  test('in a native call is likely, by the word of the agent', () => {
    const silent = withStats(plain, { unavailable: { heap: 'main thread is inside a native call' } });
    expect(blocked(silent)).toMatchObject([{ severity: 'critical', certainty: 'likely' }]);
  });

  test('computing without a pause is possible', () => {
    const spins = { ...plain, activity: { ...idle, busyPercent: 99, sleeps: 0 } };
    expect(blocked(spins)).toMatchObject([{ severity: 'warning', certainty: 'possible' }]);
  });

  test('is nothing while it sleeps now and then, or is idle', () => {
    expect(blocked({ ...plain, activity: { ...idle, busyPercent: 99, sleeps: 3 } })).toEqual([]);
    expect(blocked(plain)).toEqual([]);
    expect(blocked({ ...plain, activity: null })).toEqual([]);
  });
});

describe('no-agent', () => {
  const bare = {
    isNode: true,
    failed: false,
    isSilent: false,
    attachable: true,
    reason: 'no agent',
    restartCommand: 'memtool run app.js',
  };
  const commands = (given: object) =>
    noAgent({ ...plain, noAgent: { ...bare, ...given } }).flatMap(({ next }) => next.map(({ command }) => command));

  test('leads to attaching, to starting it with one, or to waiting', () => {
    const { pid } = plain.stats;
    expect(commands({})).toEqual([`memtool attach ${pid}`]);
    expect(commands({ attachable: false })).toEqual(['memtool run app.js']);
    expect(commands({ attachable: false, failed: true, isSilent: true })).toEqual([
      `memtool doctor ${pid} --timeout 30`,
    ]);
  });

  test('is a warning where there was one that failed, and a note of another program', () => {
    expect(noAgent({ ...plain, noAgent: { ...bare, failed: true } })).toMatchObject([
      { kind: 'agent-failed', severity: 'warning' },
    ]);
    expect(noAgent({ ...plain, noAgent: { ...bare, isNode: false } })).toMatchObject([{ severity: 'note' }]);
    expect(noAgent(plain)).toEqual([]);
  });
});

const ENDING: LastEnding = {
  how: 'oom-kill', certainty: 'certain', ofMemory: true, at: '2026-01-02T03:04:05.000Z', agoSeconds: 180, code: null,
  signal: 'SIGKILL', error: null, because: ["The kernel's log names it."], kernelLine: null,
}; // prettier-ignore
const BOX: LastListing = {
  pid: 4242, name: 'orders', nodeVersion: 'v20.20.2', uptimeSeconds: 300, sampledAt: '2026-01-02T03:04:05.000Z',
  file: '/run/memtool/4242-1.last', ending: ENDING, rssBytes: 900 * MIB, heapUsedBytes: 30 * MIB, heapLimitBytes: 4096 * MIB,
}; // prettier-ignore

describe('what has ended', () => {
  test('is told when it is asked for, with how, and what it held', () => {
    const found = ended(BOX);
    expect(found).toMatchObject({ severity: 'critical', certainty: 'certain' });
    expect(found.title).toBe('It does not run any more: it was killed by the kernel for want of memory 3m ago.');
    expect(found.cause).toBe("The kernel's log names it. It held 900.0 MiB then, its heap 30.0 MiB of 4.0 GiB.");
    expect(found.next[0]?.command).toBe('memtool last 4242');
    const other = ended({ ...BOX, ending: { ...ENDING, how: 'exit', ofMemory: false, code: 3, certainty: 'certain' } });
    expect(other).toMatchObject({ severity: 'warning' });
  });

  test('before, by the same name, is a warning', () => {
    expect(diedBefore({ ...plain, predecessors: [BOX, BOX] })[0]?.title).toBe(
      '2 processes of this name have ended for want of memory; the last was killed by the kernel for want of memory 3m ago.',
    );
    expect(diedBefore(plain)).toEqual([]);
  });
});
