import { describe, expect, it, onTestFinished } from 'vitest';
import type { MemoryManagerOptions } from '../../../src/memory/manager-options.ts';
import { MemoryManager } from '../../../src/memory/manager.ts';
import { collectUntil } from '../collect.ts';
import { isGranted } from '../make-manager.ts';
import { ManualClock } from '../manual-clock.ts';
import { auditShares } from './accuracy-audit.ts';
import { LedgerView } from './accuracy-ledger-view.ts';
import { granted, takeAll } from './accuracy-life.ts';
import { KIB } from './accuracy-plan.ts';

const POOLS: MemoryManagerOptions = { pools: { query: { limit: '1MiB' }, open: {} } };

/** Two threads' sides of one manager: as far as the ledger can tell they are two, whatever thread runs them. */
function makeTwo(options: MemoryManagerOptions = POOLS): {
  one: MemoryManager;
  other: MemoryManager;
  view: LedgerView;
} {
  const clock = new ManualClock();
  const one = new MemoryManager({ name: 'two', agent: false, autoCleanup: false, recordsMax: 4096, ...options }, clock);
  const other = MemoryManager.join(one.share(), clock);
  onTestFinished(() => [other, one].forEach((memory) => memory.close()));
  return { one, other, view: new LedgerView(one.ledgerMemory) };
}

describe('a limit that one thread lowers', () => {
  it('holds for what another had drawn without a limit', async () => {
    const { one, other } = makeTwo();
    other.pool('open').reserve(10);
    await one.setLimit(one.pool('open'), 1024 * KIB);
    expect(isGranted(other.pool('open').reserve(2048 * KIB))).toBe(false);
    expect(isGranted(other.pool('open').reserve(100 * KIB))).toBe(true);
    expect(one.pool('open').usedBytes).toBe(100 * KIB + 10);
  });

  it("holds for what another had drawn, be it the manager's", async () => {
    const { one, other } = makeTwo({ ...POOLS, limit: '8MiB' });
    other.pool('query').reserve(20_000);
    await one.setLimit(one, 10_000);
    expect(isGranted(other.pool('query').reserve(1))).toBe(false);
  });

  it('holds although another pool had refused to take what is held', async () => {
    const { one, other } = makeTwo({ ...POOLS, limit: '8MiB' });
    const rows = granted(other.pool('open').reserve(100 * KIB));
    takeAll(one, 'query');
    await one.setLimit(one, 10_000);
    expect(rows.transferTo(other.pool('query'))).toBe(false);
    expect(isGranted(other.pool('open').reserve(50 * KIB))).toBe(false);
  });
});

describe('what a request was promised stays drawn while room is made for it', () => {
  it('in its scope, when the pool is full', () => {
    const { one, other, view } = makeTwo();
    const query = other.openQuery('q-1', { user: 'ana' });
    one.openUser('ana', { limit: '1MiB' });
    lose(other, 'query', granted(other.pool('query').reserve(300 * KIB, { scope: query })).record);
    takeAll(one, 'query');
    expect(isGranted(other.pool('query').reserve(200 * KIB, { scope: query }))).toBe(true);
    expect(auditShares(view)).toEqual([]);
  });

  it('in its pool, when the manager is full', () => {
    const { one, other, view } = makeTwo({ ...POOLS, limit: '2MiB' });
    lose(other, 'cache', granted(other.pool('cache').reserve(300 * KIB)).record);
    takeAll(one, 'cache');
    expect(isGranted(other.pool('cache').reserve(200 * KIB))).toBe(true);
    expect(auditShares(view)).toEqual([]);
  });
});

describe('what is sent', () => {
  it('is no orphan any more', async () => {
    const { one, other } = makeTwo();
    one.openQuery('q-1');
    const query = other.openQuery('q-1');
    const rows = granted(other.pool('query').reserve(1000, { scope: query }));
    query.close();
    other.leaks();
    const received = granted(one.receive(rows.transfer()));
    await one.cleanup();
    expect(received.isHeld).toBe(true);
  });

  it('and received by the same thread is lost when nobody refers to it', async () => {
    const { one } = makeTwo();
    sendToItself(one);
    await collectUntil(() => one.leaks().leaks.length > 0);
    await one.cleanup();
    expect(one.usedBytes).toBe(0);
  });
});

/** As if the garbage collector had found that nobody refers to its handle. */
function lose(memory: MemoryManager, pool: string, record: number): void {
  memory.pool(pool).recovery.recordLost(record);
}

function sendToItself(memory: MemoryManager): void {
  memory.receive(granted(memory.pool('query').allocate(5000)).transfer());
}
