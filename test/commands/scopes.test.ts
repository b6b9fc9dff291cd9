/** Whose memory it is, from the shell: the real `bin` and a real program that runs its queries in scopes. */
import { expect, test } from 'vitest';
import type { LeaksReport } from '../../src/report/leaks.ts';
import type { StatsReport } from '../../src/report/stats.ts';
import { startScopes } from '../agent/scopes-subject.ts';
import { json, memtool, nextOutput, start } from './memtool.ts';

async function scopes(more = 0): Promise<string> {
  return (await startScopes(more)).directory;
}

/** Names of the scopes that are drawn, in their order. */
function drawn(stdout: string): string[] {
  return [...stdout.matchAll(/^ {2}(?:query|transaction|user|procedure) +(\S+) /gm)]
    .map(([, name = '']) => name)
    .filter((name) => !name.startsWith('█') && !name.startsWith('░'));
}

test('stats shows the five largest, and how to see the others; --scopes ten, or as many as it says', async () => {
  const directory = await scopes(200);
  const brief = await memtool(['stats'], directory);
  expect(brief).toMatchObject({ stderr: '', exitCode: 0 });
  expect(drawn(brief.stdout)).toEqual(['ana', 't-3', 'q-17', 'q-18', 'user-99']);
  expect(brief.stdout).toContain('and 299 more; `--scopes 350` shows them');
  expect(drawn((await memtool(['stats', '--scopes'], directory)).stdout)).toHaveLength(10);
  const all = await memtool(['stats', '--scopes', '350'], directory);
  expect(all).toMatchObject({ stderr: '', exitCode: 0 });
  expect(drawn(all.stdout)).toHaveLength(304);
  expect(all.stdout).not.toContain(' more; ');
});

test('--sort says by what', async () => {
  const directory = await scopes();
  expect(drawn((await memtool(['stats', 'orders', '--sort', 'peak'], directory)).stdout)).toEqual([
    'ana',
    't-3',
    'q-18',
    'q-17',
  ]);
});

test('--json has as many as were asked for, a hundred otherwise, and how many there are', async () => {
  const directory = await scopes(200);
  const listed = async (...words: string[]): Promise<unknown> => {
    const outcome = await memtool(['stats', '--json', ...words], directory);
    expect(outcome).toMatchObject({ stderr: '', exitCode: 0 });
    return json<StatsReport>(outcome).processes.map((found) =>
      'error' in found ? found : [found.scopes.length, found.scopeCount],
    );
  };
  expect(await listed()).toEqual([[100, 304]]);
  expect(await listed('--scopes', '7')).toEqual([[7, 304]]);
});

test('--watch draws them again and again', async () => {
  const directory = await scopes();
  const { child, outcome } = start(['stats', '--scopes', '1', '--watch', '0.1'], directory);
  let text = '';
  while (drawn(text).length < 3) text += await nextOutput(child);
  child.kill('SIGINT');
  expect(await outcome).toMatchObject({ stderr: '', exitCode: 130 });
  expect(new Set(drawn(text))).toEqual(new Set(['ana']));
});

test('leaks names the query, its transaction and its user', async () => {
  const { stdout, stderr, exitCode } = await memtool(['leaks'], await scopes());
  expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 1 });
  expect(stdout).toMatch(/leak +orphaned +query +profile-rows +1 +64\.0 KiB/);
  expect(stdout).toContain('Held for query q-16, transaction t-3, user ana.');
});

test('one path that forgets in hundreds of queries is one row; --json has them all', async () => {
  const directory = await scopes(300);
  const { stdout } = await memtool(['leaks'], directory, { COLUMNS: '250' });
  expect(stdout.match(/^ {2}leak /gm)).toHaveLength(1);
  expect(stdout).toContain(
    'Held for 301 queries of 101 users; the largest: query q-16, transaction t-3, user ana (64.0 KiB); query e-299,',
  );
  const report = json<LeaksReport>(await memtool(['leaks', '--json'], directory));
  expect(report.processes.map((found) => ('error' in found ? found : found.leaks.length))).toEqual([301]);
});

test('pressure names the query that is near its limit', async () => {
  const { stdout, stderr, exitCode } = await memtool(['pressure'], await scopes());
  expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 1 });
  expect(stdout).toMatch(/^ {2}query q-17 .* 87\.9 % .* 1\.0 MiB/m);
  expect(stdout).toContain('Query q-17 is at 87.9 % of its limit.');
});
