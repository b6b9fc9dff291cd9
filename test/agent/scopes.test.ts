/** What the agent says of the scopes of a real process. */
import { expect, test } from 'vitest';
import type { ProcessLeaks } from '../../src/report/leaks.ts';
import type { ProcessPressure } from '../../src/report/pressure.ts';
import type { ProcessStats } from '../../src/report/stats.ts';
import { startScopes } from './scopes-subject.ts';

const KIB = 1024;

test('every open scope, the largest first, with whose it is and how near its limit', async () => {
  const stats = await (await startScopes()).json<ProcessStats>('/v1/stats');
  expect(stats.scopeCount).toBe(4);
  // What the query holds is its transaction's and its user's too, and counts once.
  expect(stats.scopesUsedBytes).toBe(965 * KIB);
  expect(stats.scopes).toEqual([
    {
      manager: 'orders',
      kind: 'user',
      name: 'ana',
      parent: null,
      user: null,
      transaction: null,
      limitBytes: 10 * KIB * KIB,
      usedBytes: 965 * KIB,
      usedPercent: (965 / 10_240) * 100,
      level: 'normal',
      peakBytes: 4996 * KIB,
      ageSeconds: expect.any(Number),
    },
    expect.objectContaining({ kind: 'transaction', name: 't-3', parent: null, user: 'ana', usedBytes: 965 * KIB }),
    expect.objectContaining({
      kind: 'query',
      name: 'q-17',
      parent: 't-3',
      user: 'ana',
      transaction: 't-3',
      limitBytes: KIB * KIB,
      usedBytes: 900 * KIB,
      level: 'warning',
    }),
    expect.objectContaining({
      name: 'q-18',
      limitBytes: null,
      usedPercent: null,
      usedBytes: KIB,
      peakBytes: 4096 * KIB,
    }),
  ]);
});

test('of thousands no more than are asked for, the first by what is asked for, and how many there are', async () => {
  const subject = await startScopes(3000);
  const open = 4 + 3000 + 100;
  const listed = async (query: string): Promise<ProcessStats> => {
    const stats = await subject.json<ProcessStats>(`/v1/stats${query}`);
    expect(stats.scopeCount).toBe(open);
    return stats;
  };
  expect((await listed('')).scopes).toHaveLength(100);
  expect((await listed('?scopes=1000')).scopes).toHaveLength(1000);
  expect((await listed('?scopes=0')).scopes).toEqual([]);
  const names = async (query: string): Promise<string[]> => (await listed(query)).scopes.map(({ name }) => name);
  expect(await names('?scopes=3')).toEqual(['ana', 't-3', 'q-17']);
  expect(await names('?scopes=3&sort=peak')).toEqual(['ana', 't-3', 'q-18']);
  const ages = (await listed('?scopes=1000&sort=age')).scopes.map(({ ageSeconds }) => ageSeconds);
  expect(ages).toEqual(ages.toSorted((a, b) => b - a));
});

test('pressure holds a scope near its limit, with its kind and name, and no other scope', async () => {
  const pressure = await (await startScopes()).json<ProcessPressure>('/v1/pressure');
  expect(pressure).toMatchObject({ level: 'warning', scopesNearLimit: 1 });
  expect(pressure.resources.filter(({ kind }) => kind === 'scope')).toEqual([
    {
      kind: 'scope',
      manager: 'orders',
      name: 'query q-17',
      usedBytes: 900 * KIB,
      limitBytes: KIB * KIB,
      usedPercent: (900 / 1024) * 100,
      level: 'warning',
      bytesPerMinute: null,
      secondsToLimit: null,
    },
  ]);
});

test('a leak has the query, transaction and user it was held for; a row for each, and all of them in the totals', async () => {
  const { leaks, totals } = await (await startScopes(500)).json<ProcessLeaks>('/v1/leaks');
  expect(leaks).toHaveLength(501);
  expect(leaks[0]).toMatchObject({
    kind: 'orphaned',
    verdict: 'leak',
    tag: 'profile-rows',
    bytes: 64 * KIB,
    scope: { kind: 'query', name: 'q-16', user: 'ana', transaction: 't-3' },
  });
  expect(totals).toEqual({ count: 501, bytes: 64 * KIB + 500 * 100 + (499 * 500) / 2 });
});

test('metrics count the open scopes and name none', async () => {
  const { body } = await (await startScopes()).ask('/metrics');
  expect(body).toContain('memtool_scopes_open 4\n');
  expect(body).not.toContain('q-17');
});
