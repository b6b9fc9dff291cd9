/**
 * The memory the engine works with: the part of memtool's pools it uses, as interfaces. The service runs on the real
 * pools (`pooled-memory.ts`); the benchmark also runs on none (`plain-memory.ts`) and compares the two.
 */

/** Bytes out of a pool. Views over `bytes` must not be used after `free()`. */
export interface WorkingAllocation {
  readonly bytes: Uint8Array;
  readonly size: number;
  free(): void;
}

/** Accounting for memory that lives elsewhere, such as JavaScript objects. */
export interface WorkingReservation {
  readonly size: number;
  free(): void;
}

export interface WorkingOptions {
  /** What the memory is for: shown by `memtool leaks`. */
  tag?: string;
  /** Default false: the bytes hold whatever was there before. */
  zero?: boolean;
}

/** `allocate` and `reserve` give `undefined` when they are refused; the others throw `MEMTOOL_LIMIT`. */
export interface WorkingPool {
  allocate(size: number, options?: WorkingOptions): WorkingAllocation | undefined;
  allocateOrThrow(size: number, options?: WorkingOptions): WorkingAllocation;
  reserve(size: number, options?: WorkingOptions): WorkingReservation | undefined;
  reserveOrThrow(size: number, options?: WorkingOptions): WorkingReservation;
}

/** Whose query it is. */
export interface QueryOwner {
  query: string;
  user: string;
  /** Queries of one transaction are accounted together as well. */
  transaction?: string;
}

export interface WorkingMemory {
  /** What a query holds while it runs. */
  readonly query: WorkingPool;
  /** Results kept for the next time they are asked for: of no query, since they outlive all of them. */
  readonly cache: WorkingPool;
  /** Scratch space of sorts. */
  readonly temp: WorkingPool;
  /** Runs a query: all that it takes is charged to its owner as well. */
  inQuery<Result>(owner: QueryOwner, run: () => Result): Result;
}

/** A limit that stood in the way: a pool's, or a user's. */
export interface Refusal extends Error {
  /** Name of the account that refused. */
  readonly account: string;
  readonly hint: string;
}

/** Whether an error is a refusal, which a query answers for, and not a mistake of ours. */
export function isRefusal(error: unknown): error is Refusal {
  return error instanceof Error && 'code' in error && error.code === 'MEMTOOL_LIMIT';
}
