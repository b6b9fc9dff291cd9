/** DuckDB's own memory, observed: the real package, a query that really uses memory, and the real `bin`. */
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import type { StatsReport } from '../../src/report/stats.ts';
import { freshDirectory, json, memtool, startProgram } from '../commands/memtool.ts';

const FIXTURE = fileURLToPath(new URL('../fixtures/duckdb.js', import.meta.url));
const LIMIT_BYTES = 200_000_000;

test('while a query runs, stats shows what it uses of its limit, and by tag', { timeout: 120_000 }, async () => {
  const directory = freshDirectory();
  await startProgram([FIXTURE, freshDirectory()], directory);
  const pools = async (): Promise<Map<string, { usedBytes: number; limitBytes: number | null }>> => {
    const outcome = await memtool(['stats', '--json'], directory);
    expect(outcome).toMatchObject({ stderr: '', exitCode: 0 });
    const [found] = json<StatsReport>(outcome).processes;
    if (found === undefined || 'error' in found) throw new Error('it is not there');
    return new Map(found.pools.flatMap((pool) => (pool.kind === 'observed' ? [[pool.name, pool]] : [])));
  };
  let seen = new Map();
  const used = (name: string): number => seen.get(name)?.usedBytes ?? 0;
  await expect
    .poll(
      async () => {
        seen = await pools();
        return Math.min(used('duckdb in_memory_table'), used('duckdb hash_table'));
      },
      { timeout: 100_000, interval: 50 },
    )
    .toBeGreaterThan(1_000_000);
  expect(new Set(seen.keys())).toEqual(
    new Set([
      'duckdb',
      'duckdb base_table',
      'duckdb column_data',
      'duckdb hash_table',
      'duckdb in_memory_table',
      'duckdb order_by',
      'duckdb others',
    ]),
  );
  expect(seen.get('duckdb')).toMatchObject({ limitBytes: LIMIT_BYTES });
  expect(used('duckdb')).toBeLessThanOrEqual(LIMIT_BYTES);
  const parts = [...seen].map(([name, { usedBytes }]) => (name === 'duckdb' ? 0 : usedBytes));
  expect(used('duckdb')).toBe(parts.reduce((sum, bytes) => sum + bytes));
  const shown = await memtool(['stats'], directory);
  expect(shown).toMatchObject({ stderr: '', exitCode: 0 });
  expect(shown.stdout).toMatch(/duckdb .*% .*190\.7 MiB/);
});
