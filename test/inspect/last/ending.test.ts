import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { readContents } from '../../../src/black-box/contents.ts';
import { judgeEnding } from '../../../src/inspect/last/ending.ts';
import { Evidence } from '../../../src/inspect/last/evidence.ts';
import type { LastEnding } from '../../../src/report/last.ts';
import { freshPath, MIB, STARTED_MS, writeBox, type SampleBox } from '../../black-box/sample-box.ts';

const evidence = new Evidence(false);

/** Far from its heap limit, unless it is told otherwise. */
const CALM = { heapUsedBytes: 8 * MIB };

function judged(sample: SampleBox): LastEnding {
  const path = writeBox(sample);
  const contents = readContents(readFileSync(path), path);
  const box = { path, pid: 4242, startTime: '118034', writtenAtMs: STARTED_MS, isAlive: false, contents };
  return judgeEnding(box, evidence, {}, STARTED_MS + 600_000);
}

const exit = { atMs: STARTED_MS + 121_000, code: 1, error: null, rssBytes: 1, heapUsedBytes: 1 };

test('what it said itself counts first', () => {
  expect(judged({ own: exit })).toMatchObject({
    how: 'exit',
    certainty: 'certain',
    code: 1,
    ofMemory: false,
    agoSeconds: 479,
  });
  const error = { text: 'TypeError: x', stack: ['f (a.js:1:2)'], atMs: exit.atMs - 5 };
  expect(judged({ own: { ...exit, error } })).toMatchObject({
    how: 'error',
    error: { text: 'TypeError: x' },
    ofMemory: false,
  });
});

test('an error that was survived long before is not what it ended by', () => {
  const error = { text: 'TypeError: x', stack: [], atMs: exit.atMs - 60_000 };
  expect(judged({ own: { ...exit, error } })).toMatchObject({ how: 'exit', error: null });
});

test('an error that says that memory was refused is one of memory', () => {
  const error = { text: 'RangeError: Array buffer allocation failed', stack: [], atMs: exit.atMs };
  expect(judged({ own: { ...exit, error } })).toMatchObject({ how: 'error', ofMemory: true });
});

test('an exit code above 128 is also said as the signal that it means', () => {
  const { because } = judged({ own: { ...exit, code: 143 } });
  expect(because.join(' ')).toContain('SIGTERM');
});

test('a heap that grew to its limit, or would have, probably hit it', () => {
  // A quarter of a MiB a second, 38 MiB at the end.
  expect(judged({})).toMatchObject({ how: 'heap-limit', certainty: 'likely', ofMemory: true });
  expect(judged({ seconds: 100, figures: { heapLimitBytes: 38.5 * MIB } })).toMatchObject({ how: 'heap-limit' });
  expect(judged({ figures: CALM })).toMatchObject({ how: 'killed', certainty: 'unknown', ofMemory: false });
});

test('a heap that was as full a minute before is no reason, unless all time went into collecting it', () => {
  const figures = { heapUsedBytes: 35 * MIB };
  expect(judged({ figures })).toMatchObject({ how: 'killed' });
  expect(judged({ figures: { ...figures, cpuPercent: 98 } })).toMatchObject({ how: 'heap-limit' });
  // Where V8 itself begins to ask whether it gets anywhere.
  expect(judged({ figures: { heapUsedBytes: 32 * MIB, cpuPercent: 98 } })).toMatchObject({ how: 'heap-limit' });
  expect(judged({ figures: { heapUsedBytes: 30 * MIB, cpuPercent: 98 } })).toMatchObject({ how: 'killed' });
});

test('a heap that could not be read for a while is carried on by what the process has grown', () => {
  // Half a MiB a second of RSS, for twenty seconds in which the event loop did not turn.
  const figures = { heapUsedBytes: 26 * MIB, heapAgeMs: 20_000 };
  expect(judged({ figures })).toMatchObject({ how: 'heap-limit' });
  expect(judged({ figures: { ...figures, heapUsedBytes: 10 * MIB } })).toMatchObject({ how: 'killed' });
});

test('the signal that its starter saw is told, and decides between what is likely', () => {
  const starter = { atMs: STARTED_MS, code: null, signal: 'SIGTERM' };
  const figures = { heapUsedBytes: 36 * MIB };
  expect(judged({ figures, starter })).toMatchObject({ how: 'signal', signal: 'SIGTERM', certainty: 'certain' });
  expect(judged({ figures, starter: { ...starter, signal: 'SIGABRT' } })).toMatchObject({
    how: 'heap-limit',
    signal: 'SIGABRT',
  });
  expect(judged({ figures: CALM, starter: { ...starter, code: 134, signal: null } })).toMatchObject({
    how: 'signal',
    signal: 'SIGABRT',
  });
});

/** A directory with the file that a control group has. */
function fakeGroup(oomKills: number) {
  const directory = join(dirname(freshPath()), 'group');
  mkdirSync(directory);
  const eventsFile = join(directory, 'memory.events');
  writeFileSync(eventsFile, `oom 3\noom_kill ${oomKills}\n`);
  return { path: '/', eventsFile, inode: statSync(directory).ino };
}

test('a kill that its control group has counted since makes it likely', () => {
  const figures = { ...CALM, containerUsedBytes: 195 * MIB, containerLimitBytes: 200 * MIB };
  const found = judged({ head: { group: fakeGroup(1) }, figures });
  expect(found).toMatchObject({ how: 'oom-kill', certainty: 'likely', ofMemory: true });
  expect(found.because.join(' ')).toContain('The container was at 97.5 % of its 200.0 MiB.');
});

test('a group that has counted nothing, or is another by the same path, says nothing', () => {
  expect(judged({ head: { group: fakeGroup(0) }, figures: CALM })).toMatchObject({ how: 'killed' });
  expect(judged({ head: { group: { ...fakeGroup(1), inode: 1 } }, figures: CALM })).toMatchObject({ how: 'killed' });
});

test('in a container that was full, with a kernel that nobody here can ask, it is likely', () => {
  const figures = { ...CALM, containerUsedBytes: 195 * MIB, containerLimitBytes: 200 * MIB };
  expect(judged({ head: { hasHostPid: false }, figures })).toMatchObject({ how: 'oom-kill', certainty: 'likely' });
});

test.skipIf(process.platform !== 'linux')('a machine that was started again since is probably why', () => {
  expect(judged({ head: { bootId: 'another' }, figures: CALM })).toMatchObject({ how: 'restart', certainty: 'likely' });
});
