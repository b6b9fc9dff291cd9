import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ResultCache } from '../../src/demo/result-cache.ts';
import { ResultPage } from '../../src/demo/result-page.ts';
import { testPools } from './pools.ts';

function page(rowCount: number, value: number): ResultPage {
  const values = new Float64Array(rowCount).fill(value);
  return new ResultPage(['value'], rowCount, new Uint8Array(values.buffer));
}

describe('the cache', () => {
  test('stays within its capacity and the pool, counts to the byte, and gives back what was put in', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('put' as const), text: fc.nat(9), rows: fc.nat(60) }),
      fc.record({ kind: fc.constant('get' as const), text: fc.nat(9) }),
      fc.record({ kind: fc.constant('reclaim' as const), target: fc.nat(2000) }),
    );
    const limits = fc.record({ capacity: fc.integer({ min: 1, max: 4000 }), pool: fc.integer({ min: 1, max: 4000 }) });
    fc.assert(
      fc.property(limits, fc.array(step, { maxLength: 80 }), (limit, steps) => {
        let nowMs = 0;
        const { memory, used } = testPools({ cache: limit.pool });
        const cache = new ResultCache(memory.cache, limit.capacity, () => nowMs);
        const latest = new Map<string, number>();
        for (const [value, next] of steps.entries()) {
          nowMs += 1000;
          if (next.kind === 'put') {
            cache.put(`q${next.text}`, page(next.rows, value));
            latest.set(`q${next.text}`, value);
          } else if (next.kind === 'get') {
            const found = cache.get(`q${next.text}`);
            if (found) expect(new Set(found.column(0))).toEqual(new Set([latest.get(`q${next.text}`)]));
          } else {
            const before = cache.sizeBytes;
            expect(cache.reclaim(next.target)).toBe(before - cache.sizeBytes);
          }
          expect(cache.sizeBytes).toBeLessThanOrEqual(Math.min(limit.capacity, limit.pool));
          expect(used()['cache']).toBe(cache.sizeBytes);
        }
        cache.clear();
        expect(used()['cache']).toBe(0);
      }),
    );
  });

  test('evicts what was used least recently', () => {
    const { memory } = testPools();
    const cache = new ResultCache(memory.cache, 80 * 8);
    for (let index = 0; index < 8; index += 1) cache.put(`q${index}`, page(10, index));
    expect(cache.get('q0')).toBeDefined();
    cache.put('q8', page(10, 8));
    expect(cache.get('q0')).toBeDefined();
    expect(cache.get('q1')).toBeUndefined();
  });

  test('gives back what is cold when asked, as much as asked for, and keeps what is warm', () => {
    let nowMs = 0;
    const { memory } = testPools();
    const cache = new ResultCache(memory.cache, 10_000, () => nowMs);
    for (const text of ['cold', 'colder', 'used']) cache.put(text, page(10, 1));
    nowMs = 60_000;
    cache.get('used');
    cache.put('new', page(10, 1));
    expect(cache.reclaim(80)).toBe(80);
    expect(cache.reclaim(10_000)).toBe(80);
    expect(cache.get('used')).toBeDefined();
    expect(cache.get('new')).toBeDefined();
  });

  test('makes room in its pool when others hold the rest, and does without when it cannot', () => {
    const { memory, used } = testPools({ cache: 1000 });
    const cache = new ResultCache(memory.cache, 1_000_000);
    const others = memory.cache.allocateOrThrow(500);
    cache.put('first', page(60, 1));
    cache.put('second', page(60, 2));
    expect(cache.get('first')).toBeUndefined();
    expect(cache.get('second')?.column(0)[0]).toBe(2);
    cache.put('huge', page(100, 3));
    expect(cache.get('huge')).toBeUndefined();
    expect(used()['cache']).toBe(500 + cache.sizeBytes);
    others.free();
  });
});

test('a page is not given for one that could not be kept in its place', () => {
  const { memory, used } = testPools();
  for (const rows of [0, 1000]) {
    const cache = new ResultCache(memory.cache, 80 * 8);
    cache.put('text', page(10, 1));
    cache.put('text', page(rows, 2));
    expect(cache.get('text')).toBeUndefined();
    expect(used()).toMatchObject({ cache: 0 });
  }
});

test('a page that is cached in a query outlives it, and is no orphan', () => {
  const { memory, manager, used } = testPools();
  const cache = new ResultCache(memory.cache, 10_000);
  memory.inQuery({ query: 'q-1', user: 'ana' }, () => cache.put('text', page(10, 1)));
  expect(manager.leaks().leaks).toEqual([]);
  expect(manager.endedScopes()).toMatchObject([{ kind: 'user' }, { kind: 'query', leftBytes: 0 }]);
  expect(cache.get('text')?.column(0)[0]).toBe(1);
  expect(used()).toMatchObject({ cache: 80 });
});
