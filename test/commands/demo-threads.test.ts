/** A leak in one of several threads, from the shell: the real `bin` and a real program that runs its queries in two workers. */
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import type { CleanupReport } from '../../src/report/cleanup.ts';
import { isFailure } from '../../src/report/document.ts';
import type { Leak, LeaksReport } from '../../src/report/leaks.ts';
import { freshDirectory, json, memtool, startProgram } from './memtool.ts';

const PROGRAM = fileURLToPath(new URL('../fixtures/query-threads.js', import.meta.url));
const MIB = 1024 * 1024;

const ORPHANED: Partial<Leak> = {
  manager: 'orders',
  kind: 'orphaned',
  pool: 'query',
  tag: 'join-table',
  scope: { kind: 'query', name: 'q-2', user: 'ben', transaction: 't-2' },
  count: 1,
  bytes: MIB,
  verdict: 'leak',
};

async function leaks(directory: string): Promise<Leak[]> {
  const outcome = await memtool(['leaks', '--json'], directory);
  expect(outcome.stderr).toBe('');
  return json<LeaksReport>(outcome).processes.flatMap((found) => (isFailure(found) ? [] : found.leaks));
}

test('a query that leaks in one of two workers is named, with its user and tag, and cleanup gives it back', async () => {
  const directory = freshDirectory();
  await startProgram([PROGRAM], directory);
  expect(await leaks(directory)).toMatchObject([ORPHANED]);
  const { stdout, stderr, exitCode } = await memtool(['leaks', 'orders'], directory);
  expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 1 });
  expect(stdout).toMatch(/leak +orphaned +query +join-table +1 +1\.0 MiB/);
  expect(stdout).toContain('Held for query q-2, transaction t-2, user ben.');
  const [cleaned] = json<CleanupReport>(await memtool(['cleanup', '--json'], directory)).processes;
  expect(cleaned).toMatchObject({ totals: { count: 1, bytes: MIB } });
  expect(cleaned).not.toHaveProperty('unavailable');
  expect(await leaks(directory)).toEqual([]);
});

test('once the worker was terminated, what it held is lost, still named, and for any thread to give back', async () => {
  const directory = freshDirectory();
  const program = await startProgram([PROGRAM], directory);
  expect(await leaks(directory)).toMatchObject([ORPHANED]);
  program.kill('SIGUSR2');
  await expect
    .poll(() => leaks(directory), { timeout: 20_000 })
    .toMatchObject([{ ...ORPHANED, kind: 'lost', scope: ORPHANED.scope }]);
  const [cleaned] = json<CleanupReport>(await memtool(['cleanup', '--json'], directory)).processes;
  expect(cleaned).toMatchObject({
    reclaimed: expect.arrayContaining([expect.objectContaining({ kind: 'lost', tag: 'join-table', bytes: MIB })]),
  });
  expect(await leaks(directory)).toEqual([]);
});
