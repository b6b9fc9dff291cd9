import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MemoryManager } from '../../src/memory/manager.ts';
import { ModelManager } from './ledger-model.ts';
import { LedgerRun } from './ledger-run.ts';
import { RECORDS_SMALLEST } from './make-manager.ts';
import { ManualClock } from './manual-clock.ts';

const POOLS = ['alpha', 'beta', 'gamma'];
const LIMITS = [1000, 3000, 20_000];

type Step = (run: LedgerRun) => void | Promise<void>;

const pool = fc.nat(POOLS.length - 1);
const bytes = fc.oneof(fc.nat(40), fc.nat(600), fc.nat(6000), fc.constantFrom(0, 1, 1000, 1001, 2 ** 33));
const nth = fc.nat(200);

/** A step that prints as what it does, so that a shrunk counterexample can be read. */
function step<Arguments extends unknown[]>(
  name: string,
  given: fc.Arbitrary<Arguments>,
  run: (on: LedgerRun, ...values: Arguments) => void | Promise<void>,
): fc.Arbitrary<Step> {
  return given.map((values) => {
    const named: Step = (on) => run(on, ...values);
    return Object.assign(named, {
      [fc.toStringMethod]: () => `${name}(${values.map((value) => JSON.stringify(value)).join(', ')})`,
    });
  });
}

const request = (['reservation', 'allocation'] as const).map((kind) => ({
  weight: 6,
  arbitrary: step(kind, fc.tuple(pool, bytes), (run, index, size) => run.request(kind, index, size)),
}));
const cleanupOptions = fc.record({
  index: fc.integer({ min: -1, max: 2 }),
  force: fc.boolean(),
  dryRun: fc.boolean(),
  ageSeconds: fc.nat(20),
});

const steps = fc.array(
  fc.oneof(
    ...request,
    { weight: 4, arbitrary: step('free', fc.tuple(nth), (run, at) => run.free(at, 'free')) },
    { weight: 2, arbitrary: step('dispose', fc.tuple(nth), (run, at) => run.free(at, 'dispose')) },
    ...(['grow', 'shrink', 'resize'] as const).map((change) => ({
      weight: 3,
      arbitrary: step(change, fc.tuple(nth, bytes), (run, at, size) => run.resize(at, change, size)),
    })),
    { weight: 3, arbitrary: step('transfer', fc.tuple(nth, pool), (run, at, index) => run.transfer(at, index)) },
    { weight: 2, arbitrary: step('advance', fc.tuple(fc.nat(15)), (run, seconds) => run.advance(seconds)) },
    { weight: 2, arbitrary: step('cleanup', fc.tuple(cleanupOptions), (run, options) => run.cleanup(options)) },
    { weight: 1, arbitrary: step('drop', fc.tuple(nth), (run, at) => run.drop(at)) },
  ),
  { maxLength: 60, size: 'max' },
);

async function follow(script: readonly Step[], managerLimit: number | undefined, heldBefore: number): Promise<void> {
  const clock = new ManualClock();
  const pools = Object.fromEntries(POOLS.map((name, index) => [name, { limit: LIMITS[index] ?? 0, blockSize: 256 }]));
  const memory = new MemoryManager(
    {
      name: 'model',
      agent: false,
      autoCleanup: false,
      recordsMax: RECORDS_SMALLEST,
      pools,
      ...(managerLimit === undefined ? {} : { limit: managerLimit }),
    },
    clock,
  );
  try {
    const run = new LedgerRun(memory, clock, new ModelManager(LIMITS, managerLimit ?? Infinity), POOLS);
    for (let count = 0; count < heldBefore; count += 1) run.request('reservation', count % POOLS.length, 0);
    for (const one of script) {
      // oxlint-disable-next-line no-await-in-loop -- a sequence
      await one(run);
      run.check();
    }
    await run.end();
    expect(memory.usedBytes).toBe(0);
    expect(memory.stats().pools.every(({ live }) => live === 0)).toBe(true);
  } finally {
    memory.close();
  }
}

describe('after every step of any sequence, every figure is what a plain model says', () => {
  test.each([
    ['with limits of the pools only', undefined, 0, 80],
    ['with a limit of the manager below the sum of its pools', 5000, 0, 80],
    ['with a limit of the manager below every large pool', 900, 0, 40],
    ['with a table of records that runs full', undefined, RECORDS_SMALLEST - 3, 15],
    ['with a full table and a limit of the manager', 5000, RECORDS_SMALLEST - 3, 15],
  ])('%s', { timeout: 60_000 }, async (_, managerLimit, heldBefore, numRuns) => {
    await fc.assert(
      fc.asyncProperty(steps, (script) => follow(script, managerLimit, heldBefore)),
      { numRuns },
    );
  });
});
