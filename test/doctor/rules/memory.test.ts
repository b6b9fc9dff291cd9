import { describe, expect, test } from 'vitest';
import type { Examined } from '../../../src/doctor/examined.ts';
import { idleArenas } from '../../../src/doctor/rules/idle-arena.ts';
import { keptGarbage } from '../../../src/doctor/rules/kept-garbage.ts';
import { nativeRest } from '../../../src/doctor/rules/native-rest.ts';
import { openScopes } from '../../../src/doctor/rules/open-scopes.ts';
import { oversizedPools } from '../../../src/doctor/rules/oversized.ts';
import { threadStacks } from '../../../src/doctor/rules/thread-stacks.ts';
import { trends } from '../../../src/doctor/rules/trends.ts';
import type { ResidentName } from '../../../src/report/resident.ts';
import type { ScopeStats } from '../../../src/report/scopes.ts';
import { MIB, pool, recorded, withLeaks, withStats } from '../recorded.ts';

const plain = recorded();

function withResident(given: Partial<Record<ResidentName, number>>): Examined {
  const names: ResidentName[] = ['js-heap', 'array-buffers', 'thread-stacks', 'code-and-files', 'native'];
  const rows = names.map((name) => ({ name, bytes: (given[name] ?? 10) * MIB, growthBytes: null }));
  const rssBytes = rows.reduce((sum, { bytes }) => sum + bytes, 0);
  return withStats(plain, { rssBytes, resident: { rssBytes, rows } });
}

describe('native-rest', () => {
  const large = withResident({ native: 400 });

  test('is possible whatever it is, and says how to find out', () => {
    const [found] = nativeRest(large);
    expect(found).toMatchObject({ severity: 'note', certainty: 'possible' });
    expect(found?.next.map(({ command }) => command)).toContain('MALLOC_ARENA_MAX=2 node app.js');
  });

  test('names arenas and add-ons where there are some', () => {
    const system = large.system && { ...large.system, mallocArenas: 24, addons: ['better_sqlite3.node'] };
    const [found] = nativeRest({ ...large, system });
    expect(found?.cause).toContain('24 arenas');
    expect(found?.cause).toContain('better_sqlite3.node');
    const other = large.system && { ...large.system, allocator: 'jemalloc' };
    expect(nativeRest({ ...large, system: other })[0]?.next).toHaveLength(1);
  });

  test('of the recorded ones is what is usual', () => {
    for (const name of ['service', 'leaking', 'plain'] as const) expect(nativeRest(recorded(name))).toEqual([]);
  });
});

test('thread stacks are told when there are hundreds of them, or one was deep', () => {
  expect(threadStacks(withResident({ 'thread-stacks': 90 }))).toMatchObject([
    { kind: 'thread-stacks', severity: 'note' },
  ]);
  expect(threadStacks(recorded('service'))).toEqual([]);
});

describe('idle-arena', () => {
  test('is a note with what may come back', () => {
    const found = idleArenas(withStats(plain, { pools: [pool({ reservedBytes: 90 * MIB })] }));
    expect(found).toMatchObject([{ certainty: 'likely', savesBytes: 80 * MIB }]);
  });

  test('is nothing where the room is used, or is little', () => {
    expect(idleArenas(withStats(plain, { pools: [pool({ reservedBytes: 15 * MIB })] }))).toEqual([]);
    expect(idleArenas(recorded('service'))).toEqual([]);
  });
});

describe('oversized-pool', () => {
  const small = pool({ peakBytes: 3 * MIB });

  test('is a note after ten minutes', () => {
    const found = oversizedPools(withStats(plain, { uptimeSeconds: 700, pools: [small] }));
    expect(found).toMatchObject([{ severity: 'note', certainty: 'certain' }]);
    expect(found[0]?.title).toContain('cache (3.0 MiB of 100.0 MiB)');
  });

  test('is nothing before, nor of what is used, nor of the default pools that nobody has touched', () => {
    expect(oversizedPools(withStats(plain, { uptimeSeconds: 60, pools: [small] }))).toEqual([]);
    expect(oversizedPools(withStats(plain, { uptimeSeconds: 700, pools: [pool({})] }))).toEqual([]);
    const untouched = pool({ peakBytes: 0, allocations: 0 });
    expect(oversizedPools(withStats(plain, { uptimeSeconds: 700, pools: [untouched] }))).toEqual([]);
  });
});

const v8Heap = (reservedMib: number) =>
  pool({ kind: 'heap-space', manager: null, name: 'heap', usedBytes: 200 * MIB, reservedBytes: reservedMib * MIB });

describe('kept-garbage', () => {
  test('is likely after a collection has counted what lives, else possible', () => {
    const after = withStats(plain, { pools: [v8Heap(400)] });
    expect(keptGarbage(after)).toMatchObject([{ severity: 'note', certainty: 'likely' }]);
    expect(keptGarbage(after)[0]?.next[0]?.command).toBe(`memtool cleanup ${plain.stats.pid} --gc`);
    expect(keptGarbage({ ...withStats(plain, { pools: [v8Heap(500)] }), leaks: null })).toMatchObject([
      { certainty: 'possible' },
    ]);
  });

  test('is nothing where most of it lives', () => {
    expect(keptGarbage({ ...withStats(plain, { pools: [v8Heap(220)] }), leaks: null })).toEqual([]);
    for (const name of ['leaking', 'plain'] as const) expect(keptGarbage(recorded(name))).toEqual([]);
  });
});

const scope = (id: number, given: Partial<ScopeStats> = {}): ScopeStats => ({
  manager: 'orders',
  kind: 'query',
  name: `q-${id}`,
  parent: null,
  user: 'ana',
  transaction: null,
  limitBytes: null,
  usedBytes: MIB,
  usedPercent: null,
  level: 'normal',
  peakBytes: MIB,
  ageSeconds: 700 + id,
  ...given,
});

const findOpen = (scopes: ScopeStats[]) => openScopes(withStats(plain, { scopes }));

describe('open-scopes', () => {
  const many = Array.from({ length: 12 }, (_, id) => scope(id));

  test('are told with the oldest, and what they hold together', () => {
    const [found] = openScopes(withStats(plain, { scopes: many, scopeCount: 12 }));
    expect(found?.title).toBe(
      '12 scopes have been open for more than 10m, and hold 12.0 MiB; the oldest is the query q-11 of user ana, for 11m 51s.',
    );
  });

  test('that are young, few, or users are not', () => {
    expect(findOpen(many.map((one) => ({ ...one, ageSeconds: 5 })))).toEqual([]);
    expect(findOpen(many.slice(0, 3))).toEqual([]);
    expect(findOpen(many.map((one) => ({ ...one, kind: 'user' as const })))).toEqual([]);
  });
});

describe('trends', () => {
  const COLUMNS = ['t', 'rss', 'heapUsed', 'heapLimit', 'external', 'arrayBuffers'];
  /** Ten minutes, a second apart; a little noise, as real ones have. */
  const grows = (part: (second: number) => number[]): Examined => ({
    ...withLeaks(plain, []),
    history: {
      columns: COLUMNS,
      minutes: [],
      seconds: Array.from({ length: 600 }, (_, second) => {
        const [heap = 0, buffers = 0, native = 0] = part(second);
        const noise = ((second * 7919) % 13) * 20_000;
        const rss = 80 * MIB + heap + buffers + native + noise;
        return [second * 1000, rss, 20 * MIB + heap + noise, 4096 * MIB, 2 * MIB + buffers, buffers];
      }),
    },
  });

  test('native memory that grows says so, and that no tool of the heap sees it', () => {
    const [found] = trends(grows((second) => [0, 0, second * 100_000]));
    expect(found).toMatchObject({ kind: 'native-growth', severity: 'warning', certainty: 'likely' });
    expect(found?.title).toMatch(
      /^It grows by 5\.\d MiB a minute, and has done so for 8m 59s; most of it is neither heap nor Buffers, but native memory\.$/,
    );
    expect(found?.next.map(({ command }) => command)).toContain(`memtool stats ${plain.stats.pid} --watch 10`);
  });

  test('with a container it is known when that is full', () => {
    const container = {
      usedBytes: 400 * MIB,
      limitBytes: 430 * MIB,
      reclaimableBytes: 0,
      oomKills: 0,
      stallPercent: 0,
    };
    const [found] = trends({ ...grows((second) => [0, second * 100_000, 0]), container });
    expect(found?.kind).toBe('rss-growth');
    expect(found?.severity).toBe('critical');
    expect(found?.secondsToLimit).toBeGreaterThan(250);
  });

  test('in a process with workers it may be theirs, and a collection in all threads tells', () => {
    const base = grows((second) => [0, 0, second * 100_000]);
    const workers = { count: 2, heapUsedBytes: MIB, externalBytes: MIB, arrayBuffersBytes: MIB };
    const [found] = trends(withStats(base, { workers }));
    expect(found).toMatchObject({ kind: 'rss-growth', evidence: { part: 'elsewhere' } });
    expect(found?.next[0]?.command).toBe(`memtool cleanup ${plain.stats.pid} --gc`);
  });

  test('a place of the program that is known says more than that it grows', () => {
    const growing = grows((second) => [second * 100_000, 0, 0]);
    expect(trends(growing)).toMatchObject([{ kind: 'rss-growth' }]);
    expect(trends({ ...growing, leaks: recorded('leaking').leaks })).toEqual([]);
  });

  test('a step is not clear, and is worth a recording', () => {
    const [found] = trends(grows((second) => [second > 500 ? 60 * MIB : 0, 0, 0]));
    expect(found).toMatchObject({ kind: 'trend-unclear', severity: 'note', certainty: 'possible' });
    expect(found?.next[0]?.command).toContain('memtool record');
  });

  test('what is steady, and what nobody has noted, is nothing', () => {
    expect(trends(grows(() => [0, 0, 0]))).toEqual([]);
    expect(trends({ ...plain, history: null })).toEqual([]);
    expect(trends(plain)).toEqual([]);
  });
});
