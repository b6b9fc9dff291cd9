import { MemoryReservation } from '../../../src/memory/reservation.ts';
import type { MemoryAllocation } from '../../../src/memory/allocation.ts';
import type { MemoryPool } from '../../../src/memory/pool.ts';
import type { Batch } from '../../../src/memory/scope/batch.ts';
import type { MemoryScope } from '../../../src/memory/scope/scope.ts';
import type { TransferredMemory } from '../../../src/memory/threads/transfers.ts';

/** A scope that the thread has opened, with the batches in it. */
export class HeldScope {
  readonly scope: MemoryScope;
  readonly batches: { batch: Batch; pool: MemoryPool }[] = [];
  private readonly limitBytes: number | undefined;
  private readonly outer: HeldScope | undefined;

  constructor(scope: MemoryScope, limitBytes: number | undefined, outer: HeldScope | undefined) {
    this.scope = scope;
    this.limitBytes = limitBytes;
    this.outer = outer;
  }

  get isOpen(): boolean {
    return this.scope.isOpen;
  }

  get user(): string | undefined {
    return this.scope.user?.name ?? this.outer?.user;
  }

  isWithin(scope: HeldScope): boolean {
    return this === scope || this.outer?.isWithin(scope) === true;
  }

  allocateInBatch(pool: MemoryPool, bytes: number): void {
    const known = this.batches.at(-1);
    const batch = known === undefined || known.pool !== pool ? this.scope.batch(pool) : known.batch;
    if (batch !== known?.batch) this.batches.push({ batch, pool });
    batch.allocate(bytes);
  }

  freeBatch(): void {
    this.batches.shift()?.batch.free();
  }

  close(): void {
    this.batches.length = 0;
    this.scope.close();
  }

  /** @param heldBytes what is known to be held in it; what was forgotten may be charged too */
  check(heldBytes: number): void {
    const { name, usedBytes } = this.scope;
    if (usedBytes < heldBytes) throw new Error(`scope ${name} counts ${usedBytes} bytes of ${heldBytes}`);
    if (usedBytes > (this.limitBytes ?? Infinity))
      throw new Error(`scope ${name} counts ${usedBytes} bytes, over its limit of ${this.limitBytes}`);
  }
}

/** A handle and what it holds by the thread's own books. */
export class Held {
  readonly scope: HeldScope | undefined;
  bytes: number;
  private readonly handle: MemoryReservation | MemoryAllocation;

  constructor(handle: MemoryReservation | MemoryAllocation, bytes: number, scope: HeldScope | undefined) {
    this.handle = handle;
    this.bytes = bytes;
    this.scope = scope;
  }

  get pool(): MemoryPool {
    return this.handle.pool;
  }

  /** A cleanup takes it: its scope has ended. */
  get isOrphaned(): boolean {
    return this.scope?.isOpen === false;
  }

  get isHeld(): boolean {
    return this.handle.isHeld;
  }

  resize(bytes: number): void {
    if (!(this.handle instanceof MemoryReservation)) return;
    const isGranted = this.handle.resize(bytes);
    if (this.isHeld && (isGranted || bytes <= this.bytes)) this.bytes = bytes;
  }

  grow(bytes: number): void {
    if (this.handle instanceof MemoryReservation && this.handle.tryGrow(bytes)) this.bytes += bytes;
  }

  moveTo(pool: MemoryPool): void {
    if (this.handle instanceof MemoryReservation) this.handle.transferTo(pool);
  }

  free(): void {
    this.handle.free();
  }

  transfer(): TransferredMemory {
    return this.handle.transfer();
  }

  check(): void {
    const { handle, bytes, isOrphaned } = this;
    if (!handle.isHeld && isOrphaned) return;
    if (!handle.isHeld) throw new Error(`a handle of ${bytes} bytes was taken that is no orphan`);
    if (handle.size !== bytes) throw new Error(`a handle of ${bytes} bytes says ${handle.size}`);
  }
}
