import { describe, expect, it } from 'vitest';
import { MemoryManager } from '../../../src/memory/manager.ts';
import type { SharedMemory } from '../../../src/memory/threads/shared-memory.ts';
import { ManualClock } from '../manual-clock.ts';
import { audit } from './audit.ts';
import { auditEmpty, auditLedger, auditLimits } from './accuracy-audit.ts';
import { LedgerView } from './accuracy-ledger-view.ts';
import { granted, ignore, makeLife, nextStep, WORK, type Life } from './accuracy-life.ts';
import { KIB, MANAGER_OPTIONS } from './accuracy-plan.ts';

/** Their limits are not what they were when it is over. */
const LOWERING = new Set(['lower a limit', "lower the manager's limit"]);

describe('a thread that dies between any two writes leaves exact accounts', () => {
  it.each(Object.entries(WORK))('%s', (name, work) => {
    const stage = new Stage();
    for (let step = 1; stage.play(step, work, !LOWERING.has(name)); step = nextStep(step));
    stage.end();
  });
});

/** Records and rows of scopes that nobody will use again. */
function lostForGood(memory: MemoryManager): string[] {
  // Who dies between taking the number of a new row and naming it leaves one of 16,383 behind: whose it is cannot be seen.
  return audit([memory]).problems.filter((problem) => !/^row \d+ of a scope is nobody's$/.test(problem));
}

/** A manager that outlives the others. */
class Stage {
  private readonly clock = new ManualClock();
  private readonly memory = new MemoryManager({ ...MANAGER_OPTIONS, autoCleanup: false }, this.clock);
  private readonly shared: SharedMemory = this.memory.share();
  private readonly view = new LedgerView(this.shared.ledger);

  /** @returns whether it died before the work was done */
  play(step: number, work: (life: Life) => void, areLimitsKept: boolean): boolean {
    const { memory, view } = this;
    const kept = granted(memory.pool('cache').reserve(1000));
    const user = memory.openUser('ana', { limit: 1024 * KIB });
    const life = makeLife(this.shared, this.clock, granted(memory.pool('cache').allocate(3000)).transfer());
    const hasDied = life.thread.dieAt(step, () => work(life));
    life.thread.bury();
    life.dead.bury();
    const drawnBefore = this.drawnBytes;
    memory.inherit();
    const drawnAfter = this.drawnBytes;
    memory.sharing?.endTurn();
    const when = hasDied ? `dead before write ${step}` : 'when the work was done';
    expect(auditLedger(view), when).toEqual([]);
    // No more is taken over than was drawn, or others might have drawn it too.
    for (const [account, drawn] of drawnAfter.entries())
      expect(drawn, `drawn of account ${account}, ${when}`).toBeLessThanOrEqual(drawnBefore[account] ?? 0);
    if (areLimitsKept) expect(auditLimits(view), when).toEqual([]);

    kept.free();
    user.close();
    for (const pool of memory.pools) pool.recovery.releaseLost();
    memory.dropTransfers(-1, ignore);
    // The names of what was just released are let go.
    memory.inherit();
    memory.sharing?.endTurn();
    expect(auditEmpty(view, 1), `all freed, ${when}`).toEqual([]);
    expect(lostForGood(memory), `all freed, ${when}`).toEqual([]);
    memory.pool('query').setLimit(3072 * KIB);
    void memory.setLimit(memory, MANAGER_OPTIONS.limit);
    return hasDied;
  }

  end(): void {
    this.memory.close();
  }

  /** Of the manager and the pools. */
  private get drawnBytes(): number[] {
    return this.view.accounts.map(({ drawnBytes }) => drawnBytes);
  }
}
