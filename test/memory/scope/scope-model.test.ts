import * as fc from 'fast-check';
import { describe, test } from 'vitest';
import { MemoryManager } from '../../../src/memory/manager.ts';
import { RECORDS_SMALLEST } from '../make-manager.ts';
import { ManualClock } from '../manual-clock.ts';
import { ModelScopes } from './scope-model.ts';
import { ScopeRun } from './scope-run.ts';

const POOLS = ['alpha', 'beta'];
const POOL_LIMITS = [2000, 20_000];

type Step = (run: ScopeRun) => void | Promise<void>;

const pool = fc.nat(POOLS.length - 1);
const bytes = fc.oneof(fc.nat(60), fc.nat(900), fc.nat(5000), fc.constantFrom(0, 1, 1000, 1001));
const limit = fc.constantFrom(0, 100, 1000, 1001, 3000, 50_000);
const nth = fc.nat(100);
const number = fc.nat(1);
const perhaps = <Value>(value: fc.Arbitrary<Value>) => fc.option(value, { nil: undefined });

/** A step that prints as what it does, so that a shrunk counterexample can be read. */
function step<Arguments extends unknown[]>(
  weight: number,
  name: string,
  given: fc.Arbitrary<Arguments>,
  run: (on: ScopeRun, ...values: Arguments) => void | Promise<void>,
): { weight: number; arbitrary: fc.Arbitrary<Step> } {
  const arbitrary = given.map((values) => {
    const named: Step = (on) => run(on, ...values);
    const shown = () => `${name}(${values.map((value) => JSON.stringify(value)).join(', ')})`;
    return Object.assign(named, { [fc.toStringMethod]: shown });
  });
  return { weight, arbitrary };
}

const opening = fc.record({
  kind: fc.constantFrom('query' as const, 'query', 'transaction', 'user', 'procedure'),
  name: number,
  limit: perhaps(limit),
  inside: nth,
  user: perhaps(number),
  transaction: perhaps(number),
});

const steps = fc.array(
  fc.oneof(
    step(8, 'open', fc.tuple(opening), (run, what) => run.open(what)),
    step(4, 'close', fc.tuple(nth), (run, at) => run.close(at)),
    step(8, 'reserve', fc.tuple(pool, bytes, nth, fc.boolean()), (run, ...rest) => run.request('reservation', ...rest)),
    step(8, 'allocate', fc.tuple(pool, bytes, nth, fc.boolean()), (run, ...rest) => run.request('allocation', ...rest)),
    step(4, 'free', fc.tuple(nth), (run, at) => run.free(at, 'free')),
    step(1, 'dispose', fc.tuple(nth), (run, at) => run.free(at, 'dispose')),
    ...(['grow', 'shrink', 'resize'] as const).map((change) =>
      step(3, change, fc.tuple(nth, bytes), (run, at, size) => run.resize(at, change, size)),
    ),
    step(3, 'transfer', fc.tuple(nth, pool), (run, at, index) => run.transfer(at, index)),
    step(2, 'advance', fc.tuple(fc.nat(15)), (run, seconds) => run.advance(seconds)),
    step(2, 'cleanup', fc.tuple(fc.boolean(), fc.nat(20)), (run, force, age) => run.cleanup(force, age)),
    step(
      3,
      'setLimit',
      fc.tuple(fc.constantFrom('manager' as const, 'pool', 'scope', 'scope'), nth, limit),
      (run, ...rest) => run.setLimit(...rest),
    ),
    step(1, 'drop', fc.tuple(nth), (run, at) => run.drop(at)),
  ),
  { maxLength: 50, size: 'max' },
);

async function follow(script: readonly Step[], managerLimit: number): Promise<void> {
  const clock = new ManualClock();
  const pools = Object.fromEntries(
    POOLS.map((name, index) => [name, { limit: POOL_LIMITS[index] ?? 0, blockSize: 256 }]),
  );
  const options = { name: 'model', agent: false, autoCleanup: false, recordsMax: RECORDS_SMALLEST, pools };
  const memory = new MemoryManager(managerLimit === Infinity ? options : { ...options, limit: managerLimit }, clock);
  try {
    const run = new ScopeRun(memory, clock, new ModelScopes(POOL_LIMITS, managerLimit), POOLS);
    for (const one of script) {
      // oxlint-disable-next-line no-await-in-loop -- a sequence
      await one(run);
      run.check();
    }
    await run.end();
  } finally {
    memory.close();
  }
}

describe('after every step of any sequence, every pool and scope holds what its live records add up to', () => {
  test.each([
    ['with limits of pools and scopes', Infinity, 100],
    ['with a limit of the manager too', 3000, 60],
  ])('%s', { timeout: 60_000 }, async (_, managerLimit, numRuns) => {
    await fc.assert(
      fc.asyncProperty(steps, (script) => follow(script, managerLimit)),
      { numRuns },
    );
  });
});
