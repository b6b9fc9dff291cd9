import { describe, expect, test } from 'vitest';
import { heapCache, heapSites } from '../../../src/doctor/rules/heap-sites.ts';
import { lost, orphaned, stale } from '../../../src/doctor/rules/pool-leaks.ts';
import { heapUnread, unrecorded, watchYoung } from '../../../src/doctor/rules/watch-young.ts';
import { leak, MIB, recorded, resource, withLeaks, withResources, withStats } from '../recorded.ts';

const plain = recorded();
const QUERY = { kind: 'query' as const, name: 'q-7', user: 'ben', transaction: null };

const watched = (watchedSeconds: number) => {
  const { leaks } = recorded('leaking');
  return {
    ...plain,
    ageSeconds: 300,
    leaks: leaks?.heap ? { ...leaks, heap: { ...leaks.heap, watchedSeconds } } : null,
  };
};

describe('lost', () => {
  test('is certain, says whose and by which tag, and gives the command that takes it back', () => {
    const [found] = lost(withLeaks(plain, [leak({ scope: QUERY })]));
    expect(found).toMatchObject({ severity: 'warning', certainty: 'certain', savesBytes: 15 * MIB });
    expect(found?.title).toBe(
      '15.0 MiB in the pool query are lost: 60 records with the tag rows were never freed, and nothing in the program refers to them any more.',
    );
    expect(found?.cause).toContain('Held for query q-7, user ben.');
    expect(found?.next[0]?.command).toBe(`memtool cleanup ${plain.stats.pid} --pool query`);
  });

  test('of many places tells the largest three, and how many more', () => {
    const rows = Array.from({ length: 5 }, (_, index) => leak({ tag: `rows-${index}`, bytes: (index + 1) * MIB }));
    const found = lost(withLeaks(plain, rows));
    expect(found.map(({ evidence }) => evidence['tag'])).toEqual(['rows-4', 'rows-3', 'rows-2']);
    expect(found[0]?.cause).toContain('There are 2 more places (3.0 MiB) beside those told here.');
  });

  test('is told as well when cleanup has taken it already', () => {
    const base = withLeaks(plain, []);
    const released = [{ manager: 'orders', pool: 'query', count: 7, bytes: MIB }];
    const leaks = base.leaks && { ...base.leaks, released };
    expect(lost({ ...base, leaks })[0]?.title).toBe(
      '1.0 MiB were lost in the pool query since the start, in 7 records, and have been given back.',
    );
  });

  test('is nothing in a program that frees what it takes', () => {
    expect(lost(withLeaks(plain, []))).toEqual([]);
    expect(lost({ ...plain, leaks: null })).toEqual([]);
  });
});

describe('orphaned', () => {
  test('is certain, and names the scope', () => {
    const [found] = orphaned(withLeaks(plain, [leak({ kind: 'orphaned', scope: QUERY, count: 1 })]));
    expect(found?.title).toBe(
      '15.0 MiB in the pool query are orphaned: 1 record with the tag rows was held for what has ended.',
    );
    expect(orphaned(withLeaks(plain, [leak({})]))).toEqual([]);
  });
});

describe('stale', () => {
  const old = leak({ kind: 'stale', pool: 'cache', bytes: 50 * MIB, verdict: 'suspect', tag: null });

  test('is a note, and a warning where its pool is nearly full', () => {
    expect(stale(withLeaks(plain, [old]))).toMatchObject([{ severity: 'note', certainty: 'possible' }]);
    const pressed = withResources(withLeaks(plain, [old]), [resource({})]);
    expect(stale(pressed)).toMatchObject([{ severity: 'warning' }]);
  });

  test('that is little is not worth a sentence', () => {
    expect(stale(withLeaks(plain, [{ ...old, bytes: MIB }]))).toEqual([]);
  });
});

describe('what grows on the heap', () => {
  test('of the recorded leak, by the function that makes it', () => {
    const [found] = heapSites(recorded('leaking'));
    expect(found).toMatchObject({ kind: 'heap-growth', evidence: { place: 'changeOrder' } });
    expect(found?.next.map(({ command }) => command)).toContain(
      `memtool leaks ${recorded('leaking').stats.pid} --retainers changeOrder`,
    );
  });

  const site = leak({
    kind: 'growing',
    source: 'heap',
    pool: null,
    manager: null,
    tag: null,
    stack: ['rememberQuery (/srv/app/query-cache.js:10:3)'],
    bytesPerMinute: 100 * MIB,
    reason: '12 of 12 epochs have survivors.',
  });

  test('is critical when the heap is full in minutes', () => {
    const base = withStats(withLeaks(plain, [site]), { heapUsedBytes: 100 * MIB, heapLimitBytes: 400 * MIB });
    const [found] = heapSites(base);
    expect(found).toMatchObject({ severity: 'critical', certainty: 'likely', secondsToLimit: 180 });
    expect(found?.cause).toContain('At that the heap is full in 3m.');
  });

  test('is possible where it is a suspect, and a cache by its name', () => {
    const [found] = heapSites(withLeaks(plain, [{ ...site, verdict: 'suspect' }]));
    expect(found).toMatchObject({ severity: 'warning', certainty: 'possible' });
    expect(found?.cause).toContain('By its name it is a cache: one without a bound is a leak.');
    expect(found?.next[0]?.command).toMatch(/--wait$/);
  });

  test('in Buffers has no retainers to ask for', () => {
    const [found] = heapSites(withLeaks(plain, [{ ...site, source: 'buffers' }]));
    expect(found?.kind).toBe('buffers-growth');
    expect(found?.next.map(({ command }) => command).join()).not.toContain('retainers');
  });

  test('is nothing where it is a cache or undecided', () => {
    expect(heapSites(plain)).toEqual([]);
    expect(heapSites(withLeaks(plain, [{ ...site, verdict: 'undecided' }]))).toEqual([]);
  });

  test('a large cache is a note', () => {
    const cache = { ...site, verdict: 'cache' as const, bytes: 200 * MIB };
    expect(heapCache(withLeaks(plain, [cache]))).toMatchObject([{ severity: 'note', savesBytes: 200 * MIB }]);
    expect(heapCache(withLeaks(plain, [{ ...cache, bytes: MIB }]))).toEqual([]);
  });
});

describe('what could not be told', () => {
  test('a watch that is too young says when to come back', () => {
    const [found] = watchYoung(watched(20));
    expect(found).toMatchObject({ severity: 'note', certainty: 'certain' });
    expect(found?.cause).toBe('Ask again in 8 minutes; the watch goes on meanwhile.');
    expect(watchYoung(watched(301))).toEqual([]);
  });

  test('a heap that was not read says what to type to have it read', () => {
    const reason = 'a reading would have the main thread stand still for about 4s: to have it made, say --max-pause 6s';
    const leaks = plain.leaks && { ...plain.leaks, unavailable: { heap: reason } };
    expect(heapUnread({ ...plain, leaks })[0]?.next[0]?.command).toBe(
      `memtool doctor ${plain.stats.pid} --max-pause 6s`,
    );
    expect(heapUnread(plain)).toEqual([]);
  });

  test('records that had no room', () => {
    const manager = {
      name: 'orders',
      limitBytes: null,
      usedBytes: 0,
      usedPercent: null,
      level: 'normal' as const,
      unrecorded: 12,
      watchedOneIn: 1,
    };
    expect(unrecorded(withStats(plain, { managers: [manager] }))).toHaveLength(1);
    expect(unrecorded(withStats(plain, { managers: [{ ...manager, unrecorded: 0 }] }))).toEqual([]);
  });
});
