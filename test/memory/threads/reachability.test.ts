import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { MemoryAllocation } from '../../../src/memory/allocation.ts';
import type { MemoryManager } from '../../../src/memory/manager.ts';
import type { TransferredMemory } from '../../../src/memory/threads/transfers.ts';
import { collectAll, collectUntil } from '../collect.ts';
import { poolStats } from '../make-manager.ts';
import { audit } from './audit.ts';
import { makeSides, posted, receiveAllocation, turnEnds, type Sides } from './sides.ts';

const OPTIONS = { pools: { p: { limit: '64MiB', blockSize: 256 } } };

interface Piece {
  id: number;
  size: number;
  side: MemoryManager | undefined;
  handle: MemoryAllocation | undefined;
  ticket: TransferredMemory | undefined;
  /** Kept by the side that has it, never by one that has sent it on: that would be its own fault. */
  views: Uint8Array[];
}

function patternAt(id: number, at: number): number {
  return (id * 37 + at * 11 + (at >> 8)) & 0xff;
}

/** Pieces of memory on their way between three sides, each with its own pattern. */
class Traffic {
  private pieces: Piece[] = [];
  private ids = 0;
  private readonly sides: Sides;

  constructor(sides: Sides) {
    this.sides = sides;
  }

  take(size: number, nth: number): void {
    const side = this.side(nth);
    const handle = side.pool('p').allocate(size, { tag: 'piece' });
    if (handle === undefined) return;
    this.ids += 1;
    for (let at = 0; at < size; at += 1) handle.bytes[at] = patternAt(this.ids, at);
    this.pieces.push({ id: this.ids, size, side, handle, ticket: undefined, views: [] });
  }

  send(nth: number): void {
    const piece = this.pick(nth);
    if (piece?.handle === undefined || !piece.handle.isHeld) return;
    piece.ticket = posted(piece.handle.transfer());
    piece.handle = undefined;
    piece.side = undefined;
    piece.views = [];
  }

  receive(nth: number): void {
    const piece = this.pick(nth);
    if (piece?.ticket === undefined) return;
    piece.side = this.side(nth + 1);
    piece.handle = receiveAllocation(piece.side, piece.ticket);
    piece.ticket = undefined;
  }

  keepView(nth: number): void {
    const piece = this.pick(nth);
    if (piece?.handle?.isHeld === true) piece.views.push(piece.handle.bytes.subarray(nth % piece.size));
  }

  /** The handle only: what was kept of it stays whole. */
  forget(nth: number): void {
    const piece = this.pick(nth);
    if (piece !== undefined && piece.views.length > 0) piece.handle = undefined;
    else this.drop(piece);
  }

  free(nth: number): void {
    const piece = this.pick(nth);
    if (piece?.handle === undefined) return;
    piece.handle.free();
    this.drop(piece);
  }

  forgetViews(nth: number): void {
    const piece = this.pick(nth);
    if (piece === undefined) return;
    piece.views = [];
    if (piece.handle === undefined && piece.ticket === undefined) this.drop(piece);
  }

  async tidy(): Promise<void> {
    await collectAll();
    this.sides.clock.advance(5);
    for (const side of this.sides.all) {
      await side.cleanup();
    }
  }

  check(): void {
    for (const { id, size, handle, views } of this.pieces) {
      const seen = handle?.isHeld === true ? [...views, handle.bytes] : views;
      for (const view of seen) {
        const from = size - view.length;
        for (let at = 0; at < view.length; at += 1)
          if (view[at] !== patternAt(id, from + at)) expect.unreachable(`byte ${from + at} of piece ${id} was changed`);
      }
    }
  }

  private drop(piece: Piece | undefined): void {
    this.pieces = this.pieces.filter((one) => one !== piece);
  }

  private side(nth: number): MemoryManager {
    return this.sides.all[nth % this.sides.all.length] ?? this.sides.memory;
  }

  private pick(nth: number): Piece | undefined {
    return this.pieces[nth % Math.max(1, this.pieces.length)];
  }
}

type Step = [
  name: 'take' | 'send' | 'receive' | 'keepView' | 'forget' | 'free' | 'forgetViews' | 'tidy',
  nth: number,
  size: number,
];

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.tuple(
    fc.constantFrom('take', 'take', 'send', 'receive', 'receive', 'keepView', 'forget', 'free', 'forgetViews', 'tidy'),
    fc.nat(60),
    fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 20_000 }), fc.constant(1_100_000)),
  ),
  { maxLength: 60, size: 'max' },
);

describe('bytes that anything can still reach are never handed out again', () => {
  test(
    'over random traffic between threads, of sending, keeping, forgetting, collecting and cleaning up',
    { timeout: 60_000 },
    async () => {
      await fc.assert(
        fc.asyncProperty(steps, async (script) => {
          const sides = makeSides(OPTIONS, false);
          const traffic = new Traffic(sides);
          for (const [name, nth, size] of script) {
            if (name === 'take') traffic.take(size, nth);
            else if (name === 'tidy') await traffic.tidy();
            else traffic[name](nth);
            traffic.check();
          }
          await turnEnds();
          const { problems } = audit(sides.all);
          for (const side of sides.all) side.close();
          expect(problems).toEqual([]);
        }),
        { numRuns: 6 },
      );
    },
  );
});

function receiveAndForget({ memory, other }: Sides, bytes: number): void {
  receiveAllocation(other, memory.pool('p').allocateOrThrow(bytes, { tag: 'forgotten' }).transfer());
}

describe('what was received and is forgotten', () => {
  test.each([0, 100, 2_000_000])('is lost, and the sender has its %i bytes back', async (bytes) => {
    const sides = makeSides(OPTIONS, false);
    const { memory, other, clock } = sides;
    receiveAndForget(sides, bytes);
    await collectUntil(() => memory.leaks().leaks.length > 0);
    expect(memory.leaks().leaks).toMatchObject([{ kind: 'lost', tag: 'forgotten', bytes, count: 1 }]);
    // Only the thread that has it can release it.
    await memory.cleanup();
    expect(memory.leaks().leaks).toHaveLength(1);
    expect((await other.cleanup()).reclaimed).toMatchObject([{ kind: 'lost', tag: 'forgotten', bytes }]);
    expect(memory.leaks().leaks).toEqual([]);
    clock.advance(5);
    await memory.cleanup();
    expect(poolStats(memory, 'p')).toMatchObject({ usedBytes: 0, reservedBytes: 0, live: 0 });
  });

  test('is lost even if the message that it came in is kept', async () => {
    const { memory, other } = makeSides(OPTIONS, false);
    const ticket = posted(memory.pool('p').allocateOrThrow(1000, { tag: 'forgotten' }).transfer());
    const take = (): void => void other.receive(ticket);
    take();
    await collectUntil(() => memory.leaks().leaks[0]?.kind === 'lost');
    expect(ticket.size).toBe(1000);
  });

  test('by the thread that had sent it is lost, too', async () => {
    const { memory } = makeSides(OPTIONS, false);
    const sendToItself = (): void =>
      void memory.receive(memory.pool('p').allocateOrThrow(1000, { tag: 'back' }).transfer());
    sendToItself();
    await collectUntil(() => memory.leaks().leaks[0]?.kind === 'lost');
    await memory.cleanup();
    expect(memory.usedBytes).toBe(0);
  });

  test('is not lost while it is on its way, even if its sender has forgotten its handle', async () => {
    const { memory, other } = makeSides(OPTIONS, false);
    const send = (): TransferredMemory[] => [
      posted(memory.pool('p').allocateOrThrow(1000, { tag: 'sent' }).transfer()),
      posted(memory.pool('p').reserveOrThrow(1000, { tag: 'sent' }).transfer()),
      posted(memory.pool('p').allocateOrThrow(0, { tag: 'sent' }).transfer()),
    ];
    const tickets = send();
    await collectAll();
    expect(memory.leaks().leaks).toEqual([]);
    const received = tickets.map((ticket) => other.receive(ticket));
    await collectAll();
    expect(other.leaks().leaks).toEqual([]);
    for (const one of received) one?.free();
    expect(memory.usedBytes).toBe(0);
  });
});
