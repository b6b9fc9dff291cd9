import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { MemoryPool } from '../../src/memory/pool.ts';
import { MemoryManager } from '../../src/memory/manager.ts';
import { collectAll, collectUntil } from './collect.ts';
import { makeManager, poolStats, RECORDS_SMALLEST } from './make-manager.ts';
import { ManualClock } from './manual-clock.ts';
import { ReachabilityRun } from './reachability-run.ts';

const nth = fc.nat(60);
const size = fc.oneof(
  fc.integer({ min: 1, max: 140 }),
  fc.integer({ min: 120, max: 1100 }),
  fc.integer({ min: 1, max: 40_000 }),
  fc.constant(1_100_000),
);

type StepName = 'take' | 'keepView' | 'forget' | 'forgetViews' | 'free' | 'collect' | 'cleanup' | 'force';
type Step = [name: StepName, first: number, second: number];

function step(
  names: StepName[],
  first: fc.Arbitrary<number>,
  second: fc.Arbitrary<number> = fc.constant(0),
): fc.Arbitrary<Step> {
  return fc.tuple(fc.constantFrom(...names), first, second);
}

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 12, arbitrary: step(['take'], size) },
    { weight: 5, arbitrary: step(['keepView'], nth, fc.nat(5000)) },
    { weight: 5, arbitrary: step(['forget', 'free'], nth) },
    { weight: 2, arbitrary: step(['forgetViews'], nth) },
    { weight: 1, arbitrary: step(['collect', 'cleanup', 'force'], fc.constant(0)) },
  ),
  { maxLength: 60, size: 'max' },
);

async function follow(script: readonly Step[], blockSize: number, poison: boolean): Promise<void> {
  const clock = new ManualClock();
  const memory = new MemoryManager(
    {
      name: 'reach',
      agent: false,
      autoCleanup: false,
      recordsMax: RECORDS_SMALLEST,
      poison,
      pools: { arena: { limit: '16MiB', blockSize } },
    },
    clock,
  );
  const run = new ReachabilityRun(memory, memory.pool('arena'), (seconds) => clock.advance(seconds));
  try {
    for (const [name, first, second] of script) {
      if (name === 'take') run.take(first);
      else if (name === 'keepView') run.keepView(first, second);
      // oxlint-disable-next-line no-await-in-loop -- a sequence
      else if (name === 'collect') await run.collect();
      // oxlint-disable-next-line no-await-in-loop -- a sequence
      else if (name === 'cleanup' || name === 'force') await run.cleanup(name === 'force');
      else run[name](first);
      run.check();
    }
  } finally {
    memory.close();
  }
}

function forget(pool: MemoryPool, count: number, bytes: number): void {
  for (let index = 0; index < count; index += 1) pool.allocateOrThrow(bytes, { tag: 'forgotten' });
}

function forgetButKeep(pool: MemoryPool, count: number, bytes: number): Uint8Array[] {
  return Array.from({ length: count }, () => {
    const { bytes: view } = pool.allocateOrThrow(bytes, { tag: 'kept' });
    return view.fill(7).subarray(3, 5);
  });
}

function lostRows(memory: MemoryManager) {
  return memory
    .leaks()
    .leaks.filter(({ kind }) => kind === 'lost')
    .map(({ tag, count, bytes }) => ({ tag, count, bytes }));
}

describe('bytes that anything can still reach are never handed out again', () => {
  test.each([
    ['256 B blocks', 256, false, 25],
    ['4 KiB blocks', 4096, false, 15],
    ['256 B blocks, and poison never accuses an innocent program', 256, true, 15],
  ])(
    'over random sequences of keeping, forgetting, collecting and cleaning up: %s',
    { timeout: 60_000 },
    async (_, blockSize, poison, numRuns) => {
      await fc.assert(
        fc.asyncProperty(steps, (script) => follow(script, blockSize, poison)),
        { numRuns },
      );
    },
  );
});

describe('what is lost is exact', () => {
  test.each([24, 4096, 100_000, 2_000_000])(
    'of 100 forgotten allocations of %i bytes, 50 of them with a live subarray, 50 are lost',
    async (bytes) => {
      const { memory } = makeManager({ pools: { arena: {} } });
      const pool = memory.pool('arena');
      const kept = forgetButKeep(pool, 50, bytes);
      forget(pool, 50, bytes);
      await collectUntil(() => lostRows(memory).length > 0 && (lostRows(memory)[0]?.count ?? 0) >= 50);
      await collectAll();
      expect(lostRows(memory)).toEqual([{ tag: 'forgotten', count: 50, bytes: 50 * bytes }]);
      const { reclaimed } = await memory.cleanup();
      expect(reclaimed.filter(({ kind }) => kind === 'lost')).toMatchObject([
        { tag: 'forgotten', count: 50, bytes: 50 * bytes },
      ]);
      expect(poolStats(memory, 'arena')).toMatchObject({ usedBytes: 50 * bytes, live: 50 });
      expect(kept.every((view) => view[0] === 7 && view[1] === 7)).toBe(true);
      kept.length = 0;
      await collectUntil(() => lostRows(memory)[0]?.count === 50);
    },
  );

  test('a copy does not keep an allocation, a DataView over its buffer does', async () => {
    const { memory } = makeManager();
    const pool = memory.pool('cache');
    const copies = forgetButKeep(pool, 5, 64).map((view) => Buffer.from(view));
    const views = forgetButKeep(pool, 5, 64).map((view) => new DataView(view.buffer, 0, 1));
    await collectUntil(() => lostRows(memory)[0]?.count === 5);
    await collectAll();
    expect(lostRows(memory)).toMatchObject([{ count: 5 }]);
    expect(copies.length + views.length).toBe(10);
  });
});

describe('what cleanup --force revokes', () => {
  test('is uncharged at once, and stays whole while a view lives', async () => {
    const { memory, pool, views } = await revoke();
    expect(pool.usedBytes).toBe(0);
    expect(poolStats(memory, 'arena').reservedBytes).toBeGreaterThanOrEqual(3000);
    for (let index = 0; index < 2000; index += 1) pool.allocateOrThrow(1000).bytes.fill(9);
    await collectAll();
    expect(views.every((view) => view[0] === 7 && view[1] === 7)).toBe(true);
  });

  test('is reused, and can be given back to the system, once the last view has died', async () => {
    const { memory, views } = await revoke();
    views.length = 1;
    await collectAll();
    await memory.cleanup();
    expect(views[0]?.[0]).toBe(7);
    expect(poolStats(memory, 'arena').reservedBytes).toBeGreaterThan(0);
    views.length = 0;
    await collectUntil(async () => {
      await memory.cleanup();
      return poolStats(memory, 'arena').reservedBytes === 0;
    });
  });
});

async function revoke() {
  const { memory, clock } = makeManager({ pools: { arena: { blockSize: 256 } } });
  const pool = memory.pool('arena');
  const views = forgetButKeep(pool, 3, 1000);
  clock.advance(2);
  await memory.cleanup({ force: true, ageSeconds: 1 });
  return { memory, pool, views };
}
