import { describe, expect, test } from 'vitest';
import { Arena } from '../../src/memory/arena/arena.ts';
import type { Segment } from '../../src/memory/arena/segment.ts';
import { Segments } from '../../src/memory/arena/segments.ts';
import { collectUntil } from './collect.ts';
import { makeManager, poolStats } from './make-manager.ts';

const MIB = 1024 * 1024;
const BLOCK = 4096;

function segments(): Segments {
  return new Segments(BLOCK, 256, () => {});
}

function takeAndGiveBack(arena: Arena, tell: (segment: Segment) => void): void {
  const slot = arena.takeSlot(MIB);
  if (slot === undefined) throw new Error('no memory');
  tell(slot.span.run.segment);
  arena.giveBack(slot, arena.makeView(slot, MIB));
}

function make(from: Segments, blocks: number): Segment {
  const run = from.make(blocks, 1024 * MIB);
  if (run === undefined) throw new Error('no memory');
  from.giveBack(run, blocks);
  return run.segment;
}

describe('idle arena memory', () => {
  test('goes back to the system once nobody has needed it for ten seconds', () => {
    const { memory, clock } = makeManager();
    const pool = memory.pool('query');
    for (const page of Array.from({ length: 8 }, () => pool.allocateOrThrow(MIB))) page.free();
    expect(poolStats(memory, 'query').reservedBytes).toBe(8 * MIB);
    clock.advance(10);
    expect(poolStats(memory, 'query').reservedBytes).toBeLessThanOrEqual(MIB);
  });

  test('stays where a steady program comes back for it', () => {
    const { memory, clock } = makeManager();
    const pool = memory.pool('query');
    const buffers = new Set<ArrayBufferLike>();
    for (let second = 0; second < 30; second += 1) {
      const vector = pool.allocateOrThrow(4 * MIB);
      buffers.add(vector.bytes.buffer);
      vector.free();
      clock.advance(1);
    }
    expect(buffers.size).toBe(1);
  });

  test('never makes a pool hold more than its limit, whatever sizes come and go', () => {
    const { memory } = makeManager({ pools: { small: { limit: 8 * MIB, blockSize: 4096 } } });
    const pool = memory.pool('small');
    for (let blocks = 300; blocks < 1500; blocks += 100) {
      pool.allocateOrThrow(blocks * 4096).free();
      expect(poolStats(memory, 'small').reservedBytes).toBeLessThanOrEqual(8 * MIB);
    }
  });
});

describe('a segment that was given back', () => {
  test('is used again while it is still there, before another is made', () => {
    const held = segments();
    const first = make(held, 256);
    expect(held.dropEmpty(Infinity)).toBe(MIB);
    expect(make(held, 10)).toBe(first);
    expect(held.heldBytes).toBe(MIB);
  });

  test('is the smallest that is large enough, and none that would hold more than is allowed', () => {
    const held = segments();
    const sizes = [2048, 512, 1024].map((blocks) => held.make(blocks, 1024 * MIB));
    const byBlocks = new Map(sizes.map((run) => [run?.segment.blocks, run?.segment]));
    for (const run of sizes) if (run !== undefined) held.giveBack(run, run.segment.blocks);
    held.dropEmpty(Infinity);
    expect(make(held, 600)).toBe(byBlocks.get(1024));
    held.dropEmpty(Infinity);
    const tight = held.make(600, 3 * MIB);
    expect([...byBlocks.values()]).not.toContain(tight?.segment);
    expect(held.heldBytes).toBe(600 * BLOCK);
  });

  test('is not kept from the garbage collector', async () => {
    const held = segments();
    let isGone = false;
    const watch = new FinalizationRegistry(() => (isGone = true));
    watch.register(make(held, 256), undefined);
    held.dropEmpty(Infinity);
    await collectUntil(() => isGone);
    make(held, 256);
    expect(held.heldBytes).toBe(MIB);
  });

  test('is collected by one collection, though the finalizers of its slots come after it', async () => {
    const arena = new Arena({
      blockBytes: BLOCK,
      limitBytes: () => 64 * MIB,
      poison: false,
      onLost: () => {},
      onHeldChange: () => {},
    });
    let collected = 0;
    const watch = new FinalizationRegistry(() => (collected += 1));
    takeAndGiveBack(arena, (segment) => watch.register(segment, undefined));
    expect(arena.trim()).toBe(MIB);
    // In a task of its own: what a WeakRef was made of stays until the end of the one that made it.
    await new Promise((resolve) => setImmediate(resolve));
    globalThis.gc?.();
    // Its finalizer comes as a task, and no other collection does meanwhile.
    await expect.poll(() => collected, { timeout: 2000 }).toBe(1);
  });
});
