/** A cache as it is seen from the shell: the real `bin`, and a real program. */
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import type { CleanupReport } from '../../src/report/cleanup.ts';
import type { CacheStats, StatsReport } from '../../src/report/stats.ts';
import { freshDirectory, json, memtool, startProgram } from '../commands/memtool.ts';

const CACHE = fileURLToPath(new URL('../fixtures/cache.js', import.meta.url));
const KIB = 1024;

async function started(mode: 'wait' | 'auto' | 'compress'): Promise<string> {
  const directory = freshDirectory();
  await startProgram([CACHE, mode], directory);
  return directory;
}

/** A thread that is starting on a busy machine may not take the question up in time; then it is asked again. */
async function cacheOf(directory: string): Promise<CacheStats> {
  const caches = async (): Promise<CacheStats[] | undefined> => {
    const outcome = await memtool(['stats', 'pages', '--json'], directory);
    expect(outcome).toMatchObject({ stderr: '', exitCode: 0 });
    const [found] = json<StatsReport>(outcome).processes;
    return found === undefined || 'error' in found ? undefined : found.caches;
  };
  await expect.poll(caches, { timeout: 20_000 }).toHaveLength(1);
  const [cache] = (await caches()) ?? [];
  if (cache === undefined) throw new Error('it was told a moment ago');
  return cache;
}

test('stats shows the hit rate, leaks takes it for none, and cleanup makes it give back', async () => {
  const directory = await started('wait');
  expect(await cacheOf(directory)).toEqual({
    manager: 'pages',
    pool: 'cache',
    name: 'order-pages',
    entries: 85,
    maxEntries: 16_384,
    usedBytes: 850 * KIB,
    maxBytes: KIB ** 2,
    hits: 90,
    misses: 10,
    hitPercent: 90,
    evictions: 0,
    refusals: 0,
    savedBytes: 0,
  });
  const stats = await memtool(['stats', 'pages'], directory);
  expect(stats.stdout).toContain(
    [
      '  CACHE        POOL     HITS  LOOKUPS  ENTRIES       USED    LIMIT  EVICTED',
      '  order-pages  cache  90.0 %      100       85  850.0 KiB  1.0 MiB        0',
    ].join('\n'),
  );
  expect(await memtool(['pressure', 'pages'], directory)).toMatchObject({ exitCode: 1 });
  expect(await memtool(['leaks', 'pages', '--age', '0'], directory)).toMatchObject({ stderr: '', exitCode: 0 });

  const outcome = await memtool(['cleanup', 'pages', '--json'], directory);
  expect(outcome).toMatchObject({ stderr: '', exitCode: 0 });
  expect(json<CleanupReport>(outcome).processes).toMatchObject([
    { reclaimed: [{ kind: 'reclaimer', pool: 'cache', count: 1, bytes: 90 * KIB }] },
  ]);
  expect(await cacheOf(directory)).toMatchObject({ entries: 76, usedBytes: 760 * KIB, evictions: 9 });
  expect(await memtool(['pressure', 'pages'], directory)).toMatchObject({ exitCode: 0 });
});

test('under pressure it gives back without being asked from outside', async () => {
  const directory = await started('auto');
  const { usedBytes, evictions } = await cacheOf(directory);
  expect(usedBytes).toBeLessThan(0.8 * KIB ** 2);
  expect(evictions).toBeGreaterThan(0);
});

test('what compression saves is shown', async () => {
  const directory = await started('compress');
  const { entries, usedBytes, savedBytes, evictions } = await cacheOf(directory);
  expect([entries, evictions, usedBytes + savedBytes]).toEqual([85, 0, 850 * KIB]);
  expect(savedBytes).toBeGreaterThan(300 * KIB);
  const { stdout } = await memtool(['stats', 'pages'], directory);
  expect(stdout).toMatch(/ LIMIT +SAVED +EVICTED\n +order-pages .* KiB +1\.0 MiB +\d+\.\d KiB +0\n/);
});
