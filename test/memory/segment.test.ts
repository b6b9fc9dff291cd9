import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { Segment } from '../../src/memory/arena/segment.ts';

const BLOCK_BYTES = 16;

/** First fit over a plain list, what `takeRun` must do. */
function firstFit(taken: readonly boolean[], blocks: number): number {
  for (let first = 0; first + blocks <= taken.length; first += 1) {
    if (!taken.slice(first, first + blocks).includes(true)) return first;
  }
  return -1;
}

/** A segment of which exactly the blocks of the mask are taken. */
function segmentOf(mask: number, blocks: number): { segment: Segment; taken: boolean[] } {
  const segment = new Segment(blocks, BLOCK_BYTES);
  segment.takeRun(blocks);
  const taken = Array.from({ length: blocks }, (_, block) => ((mask >> block) & 1) === 1);
  for (const [block, isTaken] of taken.entries()) if (!isTaken) segment.giveBack(block, 1);
  return { segment, taken };
}

test('takeRun is first fit, for every state of up to 8 blocks and every length, asked twice', () => {
  for (let blocks = 1; blocks <= 8; blocks += 1) {
    for (let mask = 0; mask < 2 ** blocks; mask += 1) {
      for (let length = 1; length <= blocks + 1; length += 1) {
        const { segment, taken } = segmentOf(mask, blocks);
        for (let time = 0; time < 2; time += 1) {
          const expected = firstFit(taken, length);
          expect(segment.takeRun(length)).toBe(expected);
          if (expected >= 0) taken.fill(true, expected, expected + length);
          expect(segment.freeBlocks).toBe(taken.filter((isTaken) => !isTaken).length);
        }
      }
    }
  }
});

test('takeRun is first fit in any order of taking and giving back', () => {
  const step = fc.oneof(fc.record({ take: fc.integer({ min: 1, max: 12 }) }), fc.record({ giveBack: fc.nat(20) }));
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 24 }), fc.array(step, { maxLength: 60, size: 'max' }), (blocks, steps) => {
      const segment = new Segment(blocks, BLOCK_BYTES);
      const taken = Array.from({ length: blocks }, () => false);
      const runs: [first: number, length: number][] = [];
      for (const one of steps) {
        if ('take' in one) {
          const expected = firstFit(taken, one.take);
          expect(segment.takeRun(one.take)).toBe(expected);
          if (expected < 0) continue;
          taken.fill(true, expected, expected + one.take);
          runs.push([expected, one.take]);
        } else {
          const [run] = runs.splice(one.giveBack % Math.max(1, runs.length), 1);
          if (run === undefined) continue;
          segment.giveBack(...run);
          taken.fill(false, run[0], run[0] + run[1]);
        }
        expect(segment.freeBlocks).toBe(taken.filter((isTaken) => !isTaken).length);
      }
    }),
    { numRuns: 300 },
  );
});
