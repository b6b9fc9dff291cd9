import type { WorkingPool } from './working-memory.ts';

interface Freeable {
  free(): void;
}

/**
 * Everything one query takes from one pool, given back together. Operators take what they need and never free it: whether
 * the query ends, is refused half-way or fails, its `using` declaration runs `[Symbol.dispose]` and nothing is left behind.
 */
export class Workspace {
  readonly #pool: WorkingPool;
  readonly #held: Freeable[] = [];

  constructor(pool: WorkingPool) {
    this.#pool = pool;
  }

  /** @throws MemoryLimitError when the pool refuses. */
  bytes(size: number, tag: string, zero = false): Uint8Array {
    // An empty column needs no memory, and a pool should not be asked for none.
    if (size === 0) return new Uint8Array(0);
    const allocation = this.#pool.allocateOrThrow(size, { tag, zero });
    this.#held.push(allocation);
    return allocation.bytes;
  }

  /** @throws MemoryLimitError when the pool refuses. */
  integers(length: number, tag: string, zero = false): Int32Array {
    const bytes = this.bytes(length * Int32Array.BYTES_PER_ELEMENT, tag, zero);
    return new Int32Array(bytes.buffer, bytes.byteOffset, length);
  }

  /** @throws MemoryLimitError when the pool refuses. */
  floats(length: number, tag: string, zero = false): Float64Array {
    const bytes = this.bytes(length * Float64Array.BYTES_PER_ELEMENT, tag, zero);
    return new Float64Array(bytes.buffer, bytes.byteOffset, length);
  }

  /** Accounts for JavaScript objects of about this size. @throws MemoryLimitError when the pool refuses. */
  reserve(size: number, tag: string): void {
    this.#held.push(this.#pool.reserveOrThrow(size, { tag }));
  }

  [Symbol.dispose](): void {
    for (const held of this.#held.splice(0)) held.free();
  }
}
