import { describe, expect, it } from 'vitest';
import { MemoryManager } from '../../../src/memory/manager.ts';
import { ManualClock } from '../manual-clock.ts';
import { auditLedger, auditShares } from './accuracy-audit.ts';
import { LedgerView } from './accuracy-ledger-view.ts';
import { granted, ignore, makeLife, nextStep, takeAll, WORK, type Life } from './accuracy-life.ts';
import { KIB, MANAGER_OPTIONS, POOLS } from './accuracy-plan.ts';

/** What another thread does, between any two writes of the first. */
const INTERRUPTIONS: Record<string, (other: MemoryManager, life: Life) => void> = {
  'takes over a dead one': (other, { dead }) => {
    dead.bury();
    other.inherit();
  },
  'takes all there is': (other) => {
    for (const pool of POOLS) takeAll(other, pool);
  },
  'lowers the limit of a pool': (other) => other.pool('query').setLimit(100 * KIB),
  'lowers the limit of the manager': (other) => void other.setLimit(other, 100 * KIB).catch(ignore),
  'ends its turn and sends': (other) => {
    other.pool('cache').reserve(20_000)?.transfer();
    other.sharing?.endTurn();
  },
};

describe.each(Object.entries(INTERRUPTIONS))('while another thread %s', (_, interruption) => {
  it.each(Object.entries(WORK))('%s', (__, work) => {
    for (let step = 1; play(step, work, interruption); step = nextStep(step));
  });
});

/** @returns whether the work was interrupted before it was done */
function play(
  step: number,
  work: (life: Life) => void,
  interruption: (other: MemoryManager, life: Life) => void,
): boolean {
  const clock = new ManualClock();
  using memory = new MemoryManager({ ...MANAGER_OPTIONS, autoCleanup: false, recordsMax: 8192 }, clock);
  const shared = memory.share();
  const view = new LedgerView(shared.ledger);
  const user = memory.openUser('ana', { limit: 1024 * KIB });
  const sent = granted(memory.pool('cache').allocate(3000)).transfer();
  const life = makeLife(shared, clock, sent);
  let drawn: number[] = [];
  const isInterrupted = life.thread.interruptAt(
    step,
    () => work(life),
    () => {
      interruption(memory, life);
      drawn = drawnBytes(view);
    },
  );
  const when = isInterrupted ? `before write ${step}` : 'never';
  expect(auditShares(view), when).toEqual([]);
  // Within its limit, or draining since that was lowered.
  for (const [index, account] of view.accounts.entries())
    expect(account.drawnBytes, `account ${index}, ${when}`).toBeLessThanOrEqual(
      Math.max(account.limitBytes, isInterrupted ? (drawn[index] ?? 0) : Infinity),
    );
  life.thread.endTurn();
  // What could not be put right while the other was at it is now.
  life.memory.inherit();
  memory.inherit();
  memory.sharing?.endTurn();
  life.dead.endTurn();
  expect(auditLedger(view), when).toEqual([]);
  user.close();
  return isInterrupted;
}

function drawnBytes(view: LedgerView): number[] {
  return view.accounts.map((account) => account.drawnBytes);
}
