import { setImmediate } from 'node:timers/promises';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { MemoryPool } from '../../src/memory/pool.ts';
import { boundedStream, type BoundedStream } from '../../src/structures/bounded-stream.ts';
import { makeManager } from '../memory/make-manager.ts';

interface Item {
  id: number;
  bytes: number;
}

/** How a run ends, when `at` items have been seen, or produced. */
type Ending = 'exhausted' | 'source fails' | 'break' | 'throw' | 'abort' | 'destroy';

interface Plan {
  maxBytes: number;
  sizes: number[];
  /** Turns of the event loop that the source, and the consumer, takes for each item; 0: none. */
  sourceTurns: number[];
  consumerTurns: number[];
  kind: 'async' | 'sync';
  ending: Ending;
  at: number;
  asReadable: boolean;
  /** What others take of the pool and give back meanwhile, a turn each. */
  others: number[];
}

const LIMIT = 1800;

const plans: fc.Arbitrary<Plan> = fc.record({
  maxBytes: fc.integer({ min: 0, max: 1000 }),
  sizes: fc.array(fc.oneof(fc.nat(60), fc.nat(400), fc.constantFrom(0, 1, 1200)), { maxLength: 40 }),
  sourceTurns: fc.array(fc.constantFrom(0, 0, 1, 3), { minLength: 1, maxLength: 5 }),
  consumerTurns: fc.array(fc.constantFrom(0, 0, 1, 3), { minLength: 1, maxLength: 5 }),
  kind: fc.constantFrom('async' as const, 'sync' as const),
  ending: fc.constantFrom<Ending>('exhausted', 'source fails', 'break', 'throw', 'abort', 'destroy'),
  at: fc.nat(40),
  asReadable: fc.boolean(),
  others: fc.array(fc.nat(1700), { maxLength: 20 }),
});

class Broken extends Error {}

async function turns(count: number | undefined): Promise<void> {
  // oxlint-disable-next-line no-await-in-loop -- one turn after the other
  for (let turn = 0; turn < (count ?? 0); turn += 1) await setImmediate();
}

/** One run of a plan: what it has seen, and whether the source was closed. */
class Run {
  readonly seen: number[] = [];
  produced = 0;
  isClosed = false;
  mostBytes = 0;
  outcome: unknown = undefined;
  private readonly plan: Plan;
  private readonly pool: MemoryPool;
  private readonly controller = new AbortController();
  private readonly stream: BoundedStream<Item>;

  constructor(plan: Plan, pool: MemoryPool) {
    this.plan = plan;
    this.pool = pool;
    this.stream = boundedStream<Item>(plan.kind === 'async' ? this.asyncItems() : this.items(), {
      pool,
      maxBytes: plan.maxBytes,
      sizeOf: ({ bytes }) => bytes,
      signal: this.controller.signal,
      tag: 'items',
    });
  }

  async go(): Promise<void> {
    let isDone = false;
    const others = this.disturb(() => isDone);
    try {
      await this.consume();
    } catch (error) {
      this.outcome = error;
    }
    isDone = true;
    await others;
    await turns(10);
  }

  private async consume(): Promise<void> {
    const { plan } = this;
    const items = plan.asReadable || plan.ending === 'destroy' ? this.stream.toReadable() : this.stream;
    for await (const item of items) {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a Readable does not say what it is of
      const { id } = item as Item;
      expect(id).toBe(this.seen.length);
      this.seen.push(id);
      this.check();
      await turns(plan.consumerTurns[id % plan.consumerTurns.length]);
      this.check();
      if (this.seen.length <= plan.at) continue;
      if (plan.ending === 'break') break;
      if (plan.ending === 'throw') throw new Broken();
      if (plan.ending === 'abort') this.controller.abort(new Broken());
      if (plan.ending === 'destroy' && 'destroy' in items) items.destroy(new Broken());
    }
  }

  /** The invariant: never more than maxBytes, or one item, is charged; and exactly what is in flight. */
  private check(): void {
    const { inFlightBytes } = this.stream;
    this.mostBytes = Math.max(this.mostBytes, inFlightBytes);
    const inFlight = this.plan.sizes.slice(0, this.produced);
    expect(inFlightBytes <= this.plan.maxBytes || inFlight.includes(inFlightBytes)).toBe(true);
    expect(inFlightBytes).toBe(this.pool.usedBytes - this.othersBytes);
  }

  private othersBytes = 0;

  private async disturb(isDone: () => boolean): Promise<void> {
    for (const bytes of this.plan.others) {
      if (isDone()) return;
      const other = this.pool.reserve(bytes);
      if (other !== undefined) this.othersBytes = bytes;
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await turns(2);
      other?.free();
      this.othersBytes = 0;
    }
  }

  private *items(): Generator<Item> {
    try {
      for (const [id, bytes] of this.plan.sizes.entries()) {
        if (this.plan.ending === 'source fails' && id === this.plan.at) throw new Broken();
        this.produced += 1;
        yield { id, bytes };
        this.check();
      }
    } finally {
      this.isClosed = true;
    }
  }

  private async *asyncItems(): AsyncGenerator<Item> {
    const { sourceTurns } = this.plan;
    for (const item of this.items()) {
      // oxlint-disable-next-line no-await-in-loop -- as a cursor does
      await turns(sourceTurns[item.id % sourceTurns.length]);
      yield item;
    }
  }
}

function expectedSeen({ sizes, ending, at }: Plan): number {
  if (ending === 'exhausted') return sizes.length;
  if (ending === 'source fails') return Math.min(sizes.length, at);
  return Math.min(sizes.length, at + 1);
}

test('however sizes, paces, other users of the pool and the end fall out: order is kept, never more than maxBytes or one item is charged, and in the end everything is released and the source closed', async () => {
  const endings = new Map<string, number>();
  await fc.assert(
    fc.asyncProperty(plans, async (plan) => {
      const { memory } = makeManager({ pools: { scan: { limit: LIMIT } } });
      const pool = memory.pool('scan');
      const run = new Run(plan, pool);
      await run.go();
      memory.close();
      expect(pool.usedBytes).toBe(0);
      expect(run.isClosed || run.produced === 0).toBe(true);
      const isRefused = run.outcome instanceof Error && 'code' in run.outcome && run.outcome.code === 'MEMTOOL_LIMIT';
      const isBroken =
        run.outcome instanceof Broken || (run.outcome instanceof Error && run.outcome.cause instanceof Broken);
      const name = isRefused ? 'refused' : isBroken ? plan.ending : 'exhausted';
      endings.set(name, (endings.get(name) ?? 0) + 1);
      if (isRefused) return;
      expect(isBroken).toBe(run.outcome !== undefined);
      expect(run.seen).toHaveLength(expectedSeen(plan));
    }),
    { numRuns: 400 },
  );
  // Each way to end was gone.
  expect([...endings.keys()].toSorted()).toEqual(['abort', 'destroy', 'exhausted', 'refused', 'source fails', 'throw']);
});
