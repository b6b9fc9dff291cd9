import type { MemoryPool } from '../pool.ts';
import { Batch } from '../scope/batch.ts';
import type { MemoryScope } from '../scope/scope.ts';

/** Tells of the end of a scope while that is still open: as a batch that holds nothing, since batches are freed then. */
export class ScopeEnd extends Batch {
  private readonly onEnd: () => void;

  private constructor(scope: MemoryScope, pool: MemoryPool, onEnd: () => void) {
    super(scope, pool, (end) => pool.ledger.scopes?.dropBatch(scope, end));
    this.onEnd = onEnd;
  }

  static of(scope: MemoryScope, pool: MemoryPool, onEnd: () => void): ScopeEnd {
    const end = new ScopeEnd(scope, pool, onEnd);
    pool.ledger.scopes?.addBatch(scope, end);
    return end;
  }

  /** Called by the scope, or to hear nothing more of it. */
  override free(): void {
    super.free();
    this.onEnd();
  }
}
