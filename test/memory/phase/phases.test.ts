import { EventEmitter, once } from 'node:events';
import { expect, test } from 'vitest';
import type { MemoryManager } from '../../../src/memory/manager.ts';
import type { PhaseStats } from '../../../src/report/stats.ts';
import { openLedger } from '../../../src/memory/ledger/reader.ts';
import { makeManager } from '../make-manager.ts';

function phaseOf(memory: MemoryManager, name: string): PhaseStats {
  const found = memory.phases().find((phase) => phase.name === name);
  if (!found) throw new Error(`no phase ${name}`);
  return found;
}

function poolOf(memory: MemoryManager, phase: string, pool: string): PhaseStats['pools'][number] {
  const found = phaseOf(memory, phase).pools.find(({ name }) => name === pool);
  if (!found) throw new Error(`no pool ${pool}`);
  return found;
}

/** Takes so much for a moment. */
function spike(memory: MemoryManager, bytes: number): void {
  memory.pool('temp').reserve(bytes)?.free();
}

test('what is returned and thrown passes through, sync and async', async () => {
  const { memory } = makeManager();
  expect(memory.phase('a', () => 7)).toBe(7);
  await expect(memory.phase('a', async () => 8)).resolves.toBe(8);
  const error = new Error('no');
  expect(() =>
    memory.phase('a', () => {
      throw error;
    }),
  ).toThrow(error);
  await expect(memory.phase('a', () => Promise.reject(error))).rejects.toBe(error);
  expect(phaseOf(memory, 'a')).toMatchObject({ runs: 4, running: 0, failures: 2 });
});

test('a thenable starts once', async () => {
  const { memory } = makeManager();
  let starts = 0;
  const builder = {
    // oxlint-disable-next-line unicorn/no-thenable -- query builders are
    then(resolve: (value: number) => void) {
      starts += 1;
      resolve(9);
    },
  };
  expect(await memory.phase('a', () => builder)).toBe(9);
  expect(starts).toBe(1);
  expect(phaseOf(memory, 'a').runs).toBe(1);
});

test('the peak is that of the phase, to the byte, also below an earlier one; the pool keeps its own', () => {
  const { memory } = makeManager();
  spike(memory, 9000);
  memory.phase('a', () => spike(memory, 500));
  expect(poolOf(memory, 'a', 'temp').peakBytes).toBe(500);
  expect(memory.pool('temp').peakBytes).toBe(9000);
  expect(
    openLedger(memory.ledgerMemory)
      .pools()
      .find(({ name }) => name === 'temp')?.peakBytes,
  ).toBe(9000);
  memory.phase('a', () => spike(memory, 400));
  // Of any run.
  expect(poolOf(memory, 'a', 'temp').peakBytes).toBe(500);
});

test('nested: the outer one has the peak of the inner, the inner only its own', () => {
  const { memory } = makeManager();
  memory.phase('outer', () => {
    spike(memory, 700);
    const held = memory.pool('temp').reserve(100);
    memory.phase('inner', () => spike(memory, 300));
    held?.free();
  });
  expect(poolOf(memory, 'outer', 'temp').peakBytes).toBe(700);
  expect(poolOf(memory, 'inner', 'temp').peakBytes).toBe(400);
});

test('nested: the peak of the inner one is the outer one`s as well', () => {
  const { memory } = makeManager();
  memory.phase('outer', () => {
    memory.phase('inner', () => spike(memory, 900));
    spike(memory, 100);
  });
  expect(poolOf(memory, 'outer', 'temp').peakBytes).toBe(900);
  expect(poolOf(memory, 'inner', 'temp').peakBytes).toBe(900);
});

test('overlapping: each has what was the most while it ran, whichever ends first', async () => {
  const { memory } = makeManager();
  const events = new EventEmitter();
  const a = memory.phase('a', () => once(events, 'a'));
  spike(memory, 800);
  const b = memory.phase('b', () => once(events, 'b'));
  spike(memory, 200);
  events.emit('a');
  await a;
  spike(memory, 600);
  events.emit('b');
  await b;
  expect(poolOf(memory, 'a', 'temp').peakBytes).toBe(800);
  expect(poolOf(memory, 'b', 'temp').peakBytes).toBe(600);
});

test('what is not freed is told by pool and in all; what was there before and is freed counts against it', () => {
  const { memory } = makeManager();
  const before = memory.pool('cache').reserve(50);
  memory.phase('a', () => {
    memory.pool('cache').reserve(1000);
    memory.pool('temp').reserve(20);
    before?.free();
  });
  expect(poolOf(memory, 'a', 'cache').notFreedBytes).toBe(950);
  expect(phaseOf(memory, 'a').notFreedBytes).toBe(970);
  memory.phase('a', () => undefined);
  expect(phaseOf(memory, 'a')).toMatchObject({ notFreedBytes: 0, notFreedMaxBytes: 970 });
});

test('a phase that only frees has a negative figure', () => {
  const { memory } = makeManager();
  const held = memory.pool('cache').reserve(50);
  memory.phase('a', () => held?.free());
  expect(phaseOf(memory, 'a')).toMatchObject({ notFreedBytes: -50, notFreedMaxBytes: -50 });
});

test('a pool that comes while it runs counts', () => {
  const { memory } = makeManager();
  memory.phase('a', () => memory.addPool('late', { limit: 1000 }).reserve(300));
  expect(poolOf(memory, 'a', 'late')).toEqual({ name: 'late', peakBytes: 300, notFreedBytes: 300 });
});

test('allocations, levels and refusals are as without phases', () => {
  const { memory } = makeManager();
  memory.addPool('small', { limit: 1000 });
  const small = memory.pool('small');
  memory.phase('a', () => {
    const held = small.reserve(900);
    expect(small.level).toBe('warning');
    expect(small.reserve(200)).toBeUndefined();
    held?.free();
  });
  expect(small.level).toBe('normal');
  expect(small.peakBytes).toBe(900);
  expect(poolOf(memory, 'a', 'small').peakBytes).toBe(900);
});

test('in a manager that threads share, the peak is that of this thread; the pool keeps its own', () => {
  const { memory } = makeManager();
  memory.share();
  spike(memory, 9000);
  memory.phase('a', () => spike(memory, 500));
  expect(poolOf(memory, 'a', 'temp')).toEqual({ name: 'temp', peakBytes: 500, notFreedBytes: 0 });
  expect(memory.pool('temp').peakBytes).toBeGreaterThanOrEqual(9000);
});

test('the heap is told before and after, and time passes', () => {
  const { memory } = makeManager();
  memory.phase('a', () => undefined);
  const { heapUsedBytes, durationMs, longestMs } = phaseOf(memory, 'a');
  expect(heapUsedBytes.every((bytes) => bytes > 1_000_000)).toBe(true);
  expect(durationMs).toBeGreaterThanOrEqual(0);
  expect(longestMs).toBeGreaterThanOrEqual(durationMs);
});

test('names are bounded: what is beyond 256 is one row', () => {
  const { memory } = makeManager();
  for (let index = 0; index < 300; index += 1) memory.phase(`p${index}`, () => undefined);
  expect(memory.phases()).toHaveLength(257);
  expect(phaseOf(memory, '(others)').runs).toBe(44);
  expect(() => memory.phase('', () => undefined)).toThrow('A phase cannot be called ""');
});
