import { describe, expect, test } from 'vitest';
import type { MemoryManagerOptions } from '../../src/memory/manager-options.ts';
import { MemoryManager } from '../../src/memory/manager.ts';
import { registeredManagers } from '../../src/memory/registry.ts';
import { codeOf, isGranted, makeManager, poolStats, wrong } from './make-manager.ts';
import { ManualClock } from './manual-clock.ts';

describe('an option', () => {
  const BAD: MemoryManagerOptions[] = [
    { limit: -1 },
    { limit: NaN },
    { limit: 1.5 },
    { limit: Infinity },
    { limit: 'much' },
    { limit: '-5MB' },
    { limit: '9007199254740993' },
    { limit: wrong({}) },
    { name: '' },
    { name: 'x'.repeat(101) },
    { name: wrong(5) },
    { recordsMax: 0 },
    { recordsMax: 1.5 },
    { recordsMax: NaN },
    { recordsMax: 2 ** 40 },
    { thresholds: { warning: 0 } },
    { thresholds: { warning: 0.9, critical: 0.8 } },
    { thresholds: { critical: 1.1 } },
    { thresholds: { warning: NaN } },
    { pools: { '': {} } },
    { pools: { ['x'.repeat(101)]: {} } },
    { pools: { ['文'.repeat(100)]: {} } },
    { pools: { a: { limit: 'x' } } },
    { pools: { a: { blockSize: 1000 } } },
    { pools: { a: { blockSize: 128 } } },
    { pools: { a: { blockSize: '2MiB' } } },
    { pools: { a: { blockSize: 0 } } },
    { pools: { a: { staleAfter: 'soon' } } },
    { pools: { a: { staleAfter: -1 } } },
    { pools: { a: { staleAfter: Infinity } } },
  ];

  test.each(BAD)('that is wrong is refused with MEMTOOL_INVALID_OPTION, and nothing is left behind: %o', (options) => {
    const clock = new ManualClock();
    const before = registeredManagers().length;
    expect(codeOf(() => new MemoryManager({ agent: false, recordsMax: 1024, ...options }, clock))).toBe(
      'MEMTOOL_INVALID_OPTION',
    );
    expect(registeredManagers()).toHaveLength(before);
    expect(clock.listeners).toBe(0);
  });

  test('may be a text: decimal and binary units, durations', () => {
    const { memory } = makeManager({
      limit: '1GB',
      pools: { a: { limit: '50MB', blockSize: '1k', staleAfter: '5m' }, b: { limit: '50MiB' } },
    });
    expect(memory.limitBytes).toBe(1e9);
    expect(memory.pool('a')).toMatchObject({ limitBytes: 5e7, blockBytes: 1024, staleAfterSeconds: 300 });
    expect(memory.pool('b').limitBytes).toBe(50 * 1024 * 1024);
  });
});

describe('the pools', () => {
  test('are query, cache and temp by default, each setting of which can be changed by itself', () => {
    const { memory } = makeManager({ pools: { cache: { limit: '1MiB' } } });
    expect(
      memory.pools.map(({ name, limitBytes, blockBytes }) => [name, limitBytes / 1024 / 1024, blockBytes]),
    ).toEqual([
      ['query', 50, 8192],
      ['cache', 1, 4096],
      ['temp', 25, 1024],
    ]);
  });

  test('can be named as properties of Object are', () => {
    const { memory } = makeManager({
      pools: { constructor: { limit: 5 }, ['__proto__']: { limit: 6 }, toString: { limit: 7 } },
    });
    expect(memory.pool('constructor').limitBytes).toBe(5);
    expect(memory.pool('__proto__').limitBytes).toBe(6);
    expect(memory.pool('toString').limitBytes).toBe(7);
    expect(codeOf(() => memory.pool('valueOf'))).toBe('MEMTOOL_UNKNOWN_POOL');
  });

  test('are unknown by any other name, and the hint names them', () => {
    const { memory } = makeManager();
    expect(() => memory.pool('chache')).toThrowError(
      expect.objectContaining({ code: 'MEMTOOL_UNKNOWN_POOL', hint: expect.stringContaining('query, cache, temp') }),
    );
  });

  test('can be added, but not twice, and 256 is the bound', () => {
    const { memory } = makeManager();
    expect(codeOf(() => memory.addPool('cache'))).toBe('MEMTOOL_INVALID_OPTION');
    expect(codeOf(() => memory.addPool('odd', { blockSize: 3 }))).toBe('MEMTOOL_INVALID_OPTION');
    for (let count = 3; count < 256; count += 1) memory.addPool(`pool ${count}`, { limit: 10 });
    expect(codeOf(() => memory.addPool('one more'))).toBe('MEMTOOL_TOO_MANY_POOLS');
    expect(codeOf(() => memory.pool('one more'))).toBe('MEMTOOL_UNKNOWN_POOL');
    expect(memory.stats().pools).toHaveLength(256);
    expect(isGranted(memory.pool('pool 255').reserve(10))).toBe(true);
    expect(isGranted(memory.pool('pool 255').reserve(1))).toBe(false);
  });
});

describe('a closed manager', () => {
  test('grants nothing any more, even after frees, and is no longer listed; closing again does nothing', () => {
    const { memory, clock } = makeManager({ limit: 1000, pools: { small: { limit: 100 } } });
    const pool = memory.pool('small');
    const held = pool.reserveOrThrow(96);
    const page = pool.allocateOrThrow(4);
    expect(registeredManagers()).toContain(memory);
    memory.close();
    memory[Symbol.dispose]();
    expect(registeredManagers()).not.toContain(memory);
    expect(clock.listeners).toBe(0);
    const asks = [
      () => pool.reserve(1),
      () => pool.reserve(0),
      () => pool.allocate(1),
      () => pool.allocate(0),
      () => pool.allocate(2 ** 50),
      () => memory.addPool('new'),
    ];
    for (const ask of [...asks, () => held.tryGrow(1), () => held.transferTo(memory.pool('cache'))])
      expect(codeOf(ask)).toBe('MEMTOOL_CLOSED');
    page.free();
    held.shrink(90);
    held.free();
    expect(pool.usedBytes).toBe(0);
    for (const ask of asks) expect(codeOf(ask)).toBe('MEMTOOL_CLOSED');
    expect(poolStats(memory, 'small')).toMatchObject({ usedBytes: 0, live: 0, rejections: 0 });
  });

  test('still answers, and cleans up what is left', async () => {
    const { memory, clock } = makeManager();
    memory.pool('cache').reserveOrThrow(10, { tag: 'left' });
    clock.advance(400);
    memory.close();
    expect(memory.leaks().totals.bytes).toBe(10);
    await memory.cleanup({ force: true });
    expect(memory.usedBytes).toBe(0);
  });
});
