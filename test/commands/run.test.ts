import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import type { ErrorReport } from '../../src/report/document.ts';
import type { StatsReport } from '../../src/report/stats.ts';
import { freshDirectory, json, memtool, nextOutput, start, type Outcome } from './memtool.ts';

const PROGRAM = fileURLToPath(new URL('../fixtures/exits.js', import.meta.url));

interface Started {
  words: string[];
  nodeOptions: string[];
  pid: number;
}

function started({ stdout }: Pick<Outcome, 'stdout'>): Started {
  return JSON.parse(stdout.split('\n')[0] ?? '');
}

test.each([
  [['code', '0'], 0],
  [['code', '5'], 5],
  [['signal', 'SIGKILL'], 137],
  [['signal', 'SIGINT'], 130],
])('exits as the program did: %j, %d', async (words, exitCode) => {
  const outcome = await memtool(['run', PROGRAM, ...words], freshDirectory());
  expect(outcome).toMatchObject({ stderr: '', exitCode });
  expect(started(outcome).words).toEqual(words);
});

test('what follows the program is the program`s, also what looks like an option of ours', async () => {
  const words = ['code', '0', '--json', '--watch', '5', '--', '-h', '--version'];
  const outcome = await memtool(['run', PROGRAM, ...words], freshDirectory());
  expect(outcome).toMatchObject({ stderr: '', exitCode: 0 });
  expect(started(outcome).words).toEqual(words);
});

test('options for node follow two dashes', async () => {
  const outcome = await memtool(['run', '--', '--max-old-space-size=64', PROGRAM, 'code', '0'], freshDirectory());
  expect(outcome).toMatchObject({ stderr: '', exitCode: 0 });
  expect(started(outcome)).toMatchObject({ words: ['code', '0'], nodeOptions: ['--max-old-space-size=64'] });
});

test('the program can be inspected, and SIGTERM is passed on to it', async () => {
  const directory = freshDirectory();
  const { child, outcome } = start(['run', PROGRAM, 'wait'], directory);
  const { pid } = started({ stdout: await nextOutput(child) });
  await expect
    .poll(async () => json<StatsReport>(await memtool(['stats', '--json'], directory)).processes, { timeout: 10_000 })
    .toMatchObject([{ pid, name: 'exits.js' }]);
  child.kill('SIGTERM');
  expect(await outcome).toMatchObject({ stdout: expect.stringContaining('terminated'), stderr: '', exitCode: 7 });
});

test('without a program says how', async () => {
  const outcome = await memtool(['run', '--json'], freshDirectory());
  expect(outcome).toMatchObject({ stderr: '', exitCode: 2 });
  expect(json<ErrorReport>(outcome)).toMatchObject({ command: 'run', error: { code: 'MEMTOOL_USAGE' } });
});
