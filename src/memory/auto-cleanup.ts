import { AGE_SECONDS_DEFAULT, cleanUp, type CleanupTarget } from './cleanup.ts';
import type { CleanupEvent } from './manager-events.ts';
import type { MemoryScope } from './scope/scope.ts';

/** What the manager's own cleanups need of it. */
export interface AutoCleanupOwner extends CleanupTarget {
  readonly isClosed: boolean;
}

/** Pools with `staleAfter` are looked through this often, in tenths of it, but not more than every five seconds. */
const STALE_CHECK_SECONDS_MIN = 5;

/** The cleanups that a manager does without being asked. */
export class AutoCleanup {
  private readonly owner: AutoCleanupOwner;
  private readonly tell: (event: CleanupEvent) => void;
  private isDue = false;

  constructor(owner: AutoCleanupOwner, tell: (event: CleanupEvent) => void) {
    this.owner = owner;
    this.tell = tell;
  }

  /** Once, and after the code that crossed the threshold is done. */
  schedule(): void {
    if (this.isDue) return;
    this.isDue = true;
    setImmediate(() => {
      this.isDue = false;
      void this.relieve();
    }).unref();
  }

  /** The part of a cleanup that needs nobody's leave: what is lost or orphaned, and what the reclaimers give. */
  async relieve(scope?: MemoryScope): Promise<void> {
    const { owner } = this;
    if (owner.isClosed) return;
    const { pools } = owner;
    const plan = { pools, ageSeconds: AGE_SECONDS_DEFAULT, dryRun: false, force: false, complete: false, scope };
    this.tell({ cause: 'pressure', ...(await cleanUp(owner, plan)) });
  }

  /** @param second of the manager's life */
  takeStale(second: number): void {
    const { owner } = this;
    const pools = owner.pools.filter(
      ({ staleAfterSeconds: after, usedBytes }) =>
        usedBytes > 0 && after < Infinity && second % Math.max(STALE_CHECK_SECONDS_MIN, Math.floor(after / 10)) === 0,
    );
    if (pools.length === 0) return;
    const plan = { pools, ageSeconds: AGE_SECONDS_DEFAULT, dryRun: false, force: false, complete: true };
    void cleanUp(owner, plan).then((outcome) => {
      if (outcome.reclaimed.length > 0) this.tell({ cause: 'stale', ...outcome });
    });
  }
}
