import type { ChildProcess } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { expect, onTestFinished, test } from 'vitest';
import { assertShown, type Evidence } from '../../src/commands/demo-evidence.ts';
import { isFailure } from '../../src/report/document.ts';
import type { LeaksReport } from '../../src/report/leaks.ts';
import type { StatsReport } from '../../src/report/stats.ts';
import { freshDirectory, json, memtool, nextOutput, start } from './memtool.ts';

/** The first sentence comes once the service serves. */
async function servicePid(demo: ChildProcess): Promise<number> {
  const pid = Number(/process (\d+)/.exec(await nextOutput(demo))?.[1]);
  expect(isRunning(pid)).toBe(true);
  return pid;
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** What stands below a row of the report, for whom it was held, on one line. */
function unwrapped(text: string): string {
  return text.replaceAll(/\s+/g, ' ');
}

test('shows the four commands at work, names what was forgotten and gives it back, and leaves nothing behind', async () => {
  const directory = freshDirectory();
  const { stdout, stderr, exitCode } = await memtool(['demo', '--seconds', '1'], directory);
  expect({ stderr, exitCode }).toEqual({ stderr: expect.stringMatching(/^(Querying: .*\n)*$/), exitCode: 0 });
  const typed = [...stdout.matchAll(/^\$ memtool (\w+) (\d+)/gm)];
  expect(typed.map(([, command]) => command)).toEqual(['stats', 'pressure', 'leaks', 'cleanup', 'leaks']);
  const said = unwrapped(stdout);
  expect(said).toMatch(/leak lost query profile-rows \d+ .{5,20} Held for (\d+ queries of|query q-\d+,) user ben/);
  expect(said).toMatch(
    /leak orphaned query profile-samples \d+ .{5,20} Held for (\d+ queries of|query q-\d+,) user ben/,
  );
  expect(said).toMatch(
    /told user cleo: User cleo refused 10\.\d MiB for result-page in pool query\. .*Held by: selection /,
  );
  expect(said).toMatch(/user cleo .{0,40} 0\.0 % 0 B 12\.0 MiB/);
  expect(readdirSync(directory)).toEqual([]);
  expect(isRunning(Number(typed[0]?.[2]))).toBe(false);
});

test('with --json prints one report a line', async () => {
  const { stdout, stderr, exitCode } = await memtool(['demo', '--seconds', '1', '--json'], freshDirectory());
  expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 });
  const reports = stdout
    .trimEnd()
    .split('\n')
    .map((line): LeaksReport => JSON.parse(line));
  expect(reports.map(({ command }) => command)).toEqual(['stats', 'pressure', 'leaks', 'cleanup', 'leaks']);
  const certain = reports
    .filter(({ command }) => command === 'leaks')
    .map(({ processes }) => processes.flatMap((found) => (isFailure(found) ? [] : found.leaks)))
    .map((leaks) => leaks.filter(({ verdict }) => verdict === 'leak'));
  const scope = { kind: 'query', user: 'ben', name: expect.stringMatching(/^q-\d+$/), transaction: null };
  expect(certain[0]).toContainEqual(expect.objectContaining({ kind: 'lost', tag: 'profile-rows', scope }));
  expect(certain[0]).toContainEqual(expect.objectContaining({ kind: 'orphaned', tag: 'profile-samples', scope }));
  expect(certain[1]).toEqual([]);
});

test('--keep leaves the service running, and says how to end it', async () => {
  const directory = freshDirectory();
  const { stdout, exitCode } = await memtool(['demo', '--seconds', '1', '--keep'], directory);
  expect(exitCode).toBe(0);
  const pid = Number(/end it with\s+`kill (\d+)`/.exec(stdout)?.[1]);
  onTestFinished(() => void process.kill(pid, 'SIGKILL'));
  expect(json<StatsReport>(await memtool(['stats', '--json'], directory)).processes).toMatchObject([
    { pid, name: 'memtool-demo' },
  ]);
});

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)('%s at work leaves nothing behind and exits with %d', async (signal, exitCode) => {
  const directory = freshDirectory();
  const { child, outcome } = start(['demo'], directory);
  const pid = await servicePid(child);
  child.kill(signal);
  expect((await outcome).exitCode).toBe(exitCode);
  expect(isRunning(pid)).toBe(false);
  expect(readdirSync(directory)).toEqual([]);
});

test('killed outright, it takes the service with it', async () => {
  const directory = freshDirectory();
  const { child, outcome } = start(['demo'], directory);
  const pid = await servicePid(child);
  child.kill('SIGKILL');
  await outcome;
  await expect.poll(() => isRunning(pid), { timeout: 10_000 }).toBe(false);
});

const SHOWN: Evidence = {
  refusal: { user: 'cleo', account: 'cleo', reason: '', hint: '' },
  before: { lost: 1, orphaned: 1 },
  after: { lost: 0, orphaned: 0 },
};

test('it claims what it has seen', () => {
  expect(() => assertShown(SHOWN)).not.toThrow();
});

test.each<[string, Partial<Evidence>]>([
  ['no user was refused at a limit', { refusal: undefined }],
  ['no user was refused at a limit', { refusal: { user: 'cleo', account: 'query', reason: '', hint: '' } }],
  ['what the queries of a user forgot was not found', { before: { lost: 0, orphaned: 1 } }],
  ['what the queries of a user forgot was not found', { before: { lost: 1, orphaned: 0 } }],
  ['what was found was not given back', { after: { lost: 1, orphaned: 0 } }],
  ['what was found was not given back', { after: { lost: 0, orphaned: 1 } }],
])('it fails when %s: %o', (missing, evidence) => {
  expect(() => assertShown({ ...SHOWN, ...evidence })).toThrow(`The demo did not work: ${missing}.`);
});
