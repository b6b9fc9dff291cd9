import { MemtoolError } from '../errors.ts';
import { LEVELS, type Level } from '../report/level.ts';
import type { ManagerStats, PoolStats } from '../report/stats.ts';
import type { MemoryAllocation } from './allocation.ts';
import type { Account } from './account.ts';
import type { Budget } from './budget.ts';
import { AutoCleanup } from './auto-cleanup.ts';
import { AGE_SECONDS_DEFAULT, cleanUp, releaseOrphaned } from './cleanup.ts';
import { systemClock, type Clock } from './clock.ts';
import { finiteOrNull, showFacts } from './describable.ts';
import { tellCleanup, tellOrphaned, tellPressure } from './diagnostics.ts';
import {
  PLACE_POOL_MASK,
  PLACE_THREAD_MASK,
  PLACE_THREAD_SHIFT,
  PLACE_TRANSIT,
  RECORD_PLACE,
} from './ledger/layout.ts';
import { ApplicationEmitter } from './application-emitter.ts';
import { Headroom, type ManagerHeadroom } from './headroom.ts';
import { Ledger } from './ledger/ledger.ts';
import { openLedger, type LedgerReader } from './ledger/reader.ts';
import { usedPercent, type Thresholds } from './level.ts';
import { consumersOf } from './consumers.ts';
import type { Consumer } from './limit-error.ts';
import type { CleanupEvent, MemoryManagerEvents, PressureEvent } from './manager-events.ts';
import {
  limitBytes,
  managerSettings,
  poolConfig,
  type ManagerSettings,
  type MemoryManagerOptions,
  type PoolOptions,
} from './manager-options.ts';
import { leaksReport, pressureReport, type ManagerLeaks, type ManagerPressure } from './manager-reports.ts';
import { MemoryPool } from './pool.ts';
import type { MemoryReservation } from './reservation.ts';
import type { PoolConfig, PoolOwner } from './pool-options.ts';
import { Reclaimers, type Reclaimer } from './reclaimers.ts';
import {
  registerManager,
  unregisterManager,
  type CleanupOptions,
  type ManagerCleanup,
  type ObservedUsage,
  type RegisteredManager,
} from './registry.ts';
import type { EndedScope } from './scope/ended-scope.ts';
import { checkScope } from './scope/check-scope.ts';
import { Orphans } from './scope/orphans.ts';
import { MemoryScope } from './scope/scope.ts';
import { Scopes } from './scope/scopes.ts';
import { useScopes } from './scope/scoped-reservation.ts';
import { StackSampler } from './stack-sampler.ts';
import { ManagerThreads, notShared } from './threads/manager-threads.ts';
import { joinLedger, poolsFrom, type JoinedLedger, type SharedMemory } from './threads/shared-memory.ts';
import type { Sharing } from './threads/sharing.ts';
import type { Transfers, TransferredMemory } from './threads/transfers.ts';
import { Watch } from './watch.ts';

export interface AgeOptions {
  /** What is older than this counts as stale. Default 300; whole seconds matter, the clock has no finer ones. */
  ageSeconds?: number;
}

/** Arena memory that was idle for this long is let go of. */
const DECAY_SECONDS = 5;

/**
 * Owns the pools and the ledger, one per application as a rule.
 *
 * Invariants, always: nothing beyond a pool's or the manager's limit is granted; a refused request leaves no trace but a
 * rejection; every pool's used bytes are the sum of what its live handles hold.
 */
export class MemoryManager extends ApplicationEmitter<MemoryManagerEvents> implements PoolOwner, RegisteredManager {
  readonly kind = 'manager';
  readonly name: string;
  readonly thresholds: Thresholds;
  readonly wantsAgent: boolean;
  /** @internal */
  readonly ledger: Ledger;
  /** @internal */
  readonly watch: Watch;
  /** @internal */
  readonly sampler: StackSampler;
  /** @internal */
  readonly poison: boolean;
  /** @internal */
  readonly reclaimers: Reclaimers = new Reclaimers();
  level: Level = 'normal';
  /** @internal */
  isClosed = false;
  private readonly poolsByName = new Map<string, MemoryPool>();
  private readonly poolsByIndex: MemoryPool[] = [];
  private readonly settings: ManagerSettings;
  private readonly made: 'here' | 'elsewhere';
  private readonly ownHeadroom = new Headroom(this);
  private threads: ManagerThreads | undefined = undefined;
  private readonly orphans: Orphans;
  private readonly autoCleanup = new AutoCleanup(this, (event) => this.cleaned(event));
  private readonly reader: LedgerReader;
  private readonly stopClock: () => void;
  private ticks = 0;

  /** @throws MemtoolError `MEMTOOL_INVALID_OPTION`, `MEMTOOL_TOO_MANY_POOLS` */
  constructor(options: MemoryManagerOptions = {}, clock: Clock = systemClock, joined?: JoinedLedger) {
    super();
    const settings = joined?.settings ?? managerSettings(options);
    this.settings = settings;
    this.made = joined === undefined ? 'here' : 'elsewhere';
    this.name = settings.name;
    this.thresholds = settings.thresholds;
    this.wantsAgent = settings.wantsAgent;
    this.poison = settings.poison;
    this.ledger = joined?.ledger ?? Ledger.create({ ...settings, recordsMax: options.recordsMax }, clock);
    this.reader = openLedger(this.ledger.shared);
    this.watch = new Watch(this.ledger, (record) => this.lost(record));
    this.sampler = new StackSampler(this.ledger);
    this.orphans = new Orphans(this.ledger, (event) => {
      tellOrphaned(this.name, event);
      this.emit('orphaned', event);
    });
    for (const config of settings.pools) this.makePool(config);
    if (joined !== undefined) this.beginSharing(ManagerThreads.join(this));
    this.stopClock = clock.everySecond(() => this.tick());
    registerManager(this);
  }

  /**
   * The same pools and limits in another thread: `MemoryManager.join(workerData.memory)` of what `share()` gave.
   *
   * @throws MemtoolError `MEMTOOL_INVALID_OPTION`, `MEMTOOL_LEDGER_VERSION`, `MEMTOOL_TOO_MANY_THREADS`
   */
  static join(memory: SharedMemory, clock: Clock = systemClock): MemoryManager {
    return new MemoryManager({}, clock, joinLedger(memory, clock));
  }

  /**
   * Lets other threads join: give them what it returns as `workerData`, or post it. From the first call on, limits hold over
   * all threads together, and each draws on them in advance.
   *
   * @throws MemtoolError `MEMTOOL_CLOSED`
   */
  share(): SharedMemory {
    this.assertOpen();
    if (this.threads === undefined) this.beginSharing(ManagerThreads.open(this));
    const { autoCleanup, poison, wantsAgent: agent } = this.settings;
    return { memtool: 'shared-memory', ledger: this.ledger.shared, autoCleanup, poison, agent };
  }

  /**
   * Makes a reservation or allocation of what another thread's `transfer()` returned. It is charged to the active scope.
   *
   * @returns `undefined` when the scope's limit does not allow it: it may then be received elsewhere
   * @throws MemtoolError `MEMTOOL_INVALID_OPTION`, `MEMTOOL_NOT_IN_TRANSIT`, `MEMTOOL_NOT_SHARED`, `MEMTOOL_CLOSED`
   */
  receive(sent: TransferredMemory): MemoryReservation | MemoryAllocation | undefined {
    this.assertOpen();
    this.findPools();
    return this.transfers.receive(sent);
  }

  toJSON(): object {
    const { kind, name, usedBytes, level, pools } = this;
    return { kind, name, limitBytes: finiteOrNull(this.limitBytes), usedBytes, level, pools };
  }

  /** The ledger's memory: what the agent reads. */
  get ledgerMemory(): SharedArrayBuffer {
    return this.ledger.shared;
  }

  get ledgerId(): number {
    return this.ledger.id;
  }

  /** `Infinity` without a limit. */
  get limitBytes(): number {
    return this.sharing?.manager.limitBytes ?? this.settings.limitBytes;
  }

  set limitBytes(bytes: number) {
    this.settings.limitBytes = bytes;
  }

  /** Sum over the pools, in all threads. */
  get usedBytes(): number {
    let used = 0;
    for (const pool of this.pools) used += pool.usedBytes;
    return used;
  }

  get pools(): readonly MemoryPool[] {
    this.findPools();
    return this.poolsByIndex;
  }

  /** @internal */
  get sharing(): Sharing | undefined {
    return this.threads?.sharing;
  }

  /** @internal */
  get transfers(): Transfers {
    if (this.threads === undefined) throw notShared(this.name);
    return this.threads.transfers;
  }

  private get headroom(): ManagerHeadroom {
    return this.threads?.headroom ?? this.ownHeadroom;
  }

  /** @throws MemtoolError `MEMTOOL_UNKNOWN_POOL` */
  pool(name: string): MemoryPool {
    const pool = this.poolsByName.get(name) ?? this.findPools().get(name);
    if (pool !== undefined) return pool;
    throw new MemtoolError('MEMTOOL_UNKNOWN_POOL', `There is no pool ${JSON.stringify(name)}.`, {
      hint: `Pools of ${this.name}: ${[...this.poolsByName.keys()].join(', ')}. Add one with addPool() or the pools option.`,
    });
  }

  /** Adds a pool to those of the options. @throws MemtoolError `MEMTOOL_INVALID_OPTION`, `MEMTOOL_TOO_MANY_POOLS`, `MEMTOOL_CLOSED` */
  addPool(name: string, options: PoolOptions = {}): MemoryPool {
    this.assertOpen();
    if (this.made === 'elsewhere') {
      throw new MemtoolError(
        'MEMTOOL_INVALID_OPTION',
        `Pool ${JSON.stringify(name)} cannot be added by a thread that joined.`,
        {
          hint: 'Add it in the thread that made the manager: it is then there for all.',
        },
      );
    }
    if (this.poolsByName.has(name)) {
      throw new MemtoolError('MEMTOOL_INVALID_OPTION', `There is a pool ${JSON.stringify(name)} already.`, {
        hint: `Take it with pool('${name}').`,
      });
    }
    return this.makePool(poolConfig(name, options));
  }

  /** Registers what is asked to give memory back when the pool is under pressure. @returns how to take it out again */
  onReclaim(pool: string, reclaimer: Reclaimer): () => void {
    return this.reclaimers.add(this.pool(pool), reclaimer);
  }

  /** The manager and its pools; observed pools with what they said last (`observed()` asks them). */
  stats(): { manager: ManagerStats; pools: PoolStats[]; observed: ObservedUsage[] } {
    this.bringUpToDate();
    return { manager: this.reader.manager(), pools: this.reader.pools(), observed: this.observers.lastSeen() };
  }

  /**
   * Changes a limit while the program runs. Lowered below what is used, it grants nothing more at once, and what nobody
   * needs is reclaimed; the promise is fulfilled when that has been tried.
   *
   * @throws MemtoolError `MEMTOOL_INVALID_OPTION`, `MEMTOOL_SCOPE_ENDED`
   */
  async setLimit(account: MemoryPool | MemoryScope | MemoryManager, limit: number | string | undefined): Promise<void> {
    const bytes = limitBytes(limit, 'limit');
    if (account !== this && (account instanceof MemoryManager || account.ledger !== this.ledger)) {
      throw new MemtoolError('MEMTOOL_INVALID_OPTION', `${account.name} is no account of the manager ${this.name}.`, {
        hint: 'Give this manager, one of its pools or one of its scopes.',
      });
    }
    if (account instanceof MemoryScope) checkScope(account, this.ledger);
    if (account instanceof MemoryManager) this.headroom.setLimit(bytes);
    else account.setLimit(bytes);
    if (account.usedBytes <= bytes) return;
    this.orphans.scan();
    await this.autoCleanup.relieve(account instanceof MemoryScope ? account : undefined);
  }

  /** How close each limit is. Growth is known to the agent only, so it is `null` here. */
  pressure(): ManagerPressure {
    this.bringUpToDate();
    return pressureReport(this.reader);
  }

  /** What is lost, and what has been held for over `ageSeconds`; most certain and largest first. */
  leaks({ ageSeconds = AGE_SECONDS_DEFAULT }: AgeOptions = {}): ManagerLeaks {
    checkAge(ageSeconds);
    this.bringUpToDate();
    return leaksReport(this.reader, ageSeconds);
  }

  /**
   * Gives back what nobody needs: what is lost, what the reclaimers of pools under pressure give, what is stale in pools
   * with `staleAfter` (or everywhere, with `force`), and idle arena memory.
   *
   * @throws MemtoolError `MEMTOOL_UNKNOWN_POOL`, `MEMTOOL_INVALID_OPTION`
   */
  async cleanup(options: CleanupOptions = {}): Promise<ManagerCleanup> {
    const { ageSeconds = AGE_SECONDS_DEFAULT, pool, dryRun = false, force = false } = options;
    checkAge(ageSeconds);
    const pools = pool === undefined ? this.pools : [this.pool(pool)];
    if (this.threads?.hasLeft === true) return { reclaimed: [], left: [] };
    this.bringUpToDate();
    const outcome = await cleanUp(this, { pools, ageSeconds, dryRun, force, complete: true });
    if (!dryRun) this.cleaned({ cause: 'request', ...outcome });
    return outcome;
  }

  /** Ends the manager: it grants nothing more and is no longer shown. Handles can still be freed. Closing again does nothing. */
  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.stopClock();
    for (const pool of this.poolsByIndex) pool.setTripwire();
    this.threads?.close();
    this.sharedValues.close();
    unregisterManager(this);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** @internal */
  assertOpen(): void {
    if (!this.isClosed) return;
    throw new MemtoolError('MEMTOOL_CLOSED', `The manager ${this.name} was closed and grants nothing more.`, {
      hint: 'Close it when nothing asks for memory any more, or make a new MemoryManager.',
    });
  }

  /** @internal */
  draw(pool: Budget, bytes: number): boolean {
    return this.headroom.draw(pool, bytes);
  }

  /** @internal */
  floorBytes(pool: Budget): number {
    return this.headroom.floorBytes(pool);
  }

  /** @internal */
  giveBack(pool: Budget): void {
    this.headroom.giveBack(pool);
  }

  /** @internal */
  dropTransfers(ageSeconds: number, onDrop: (record: number, pool: MemoryPool, bytes: number) => void): void {
    if (this.threads?.hasLeft === false) this.threads.transfers.drop(ageSeconds, onDrop);
  }

  /** @internal */
  inherit(): boolean {
    this.findPools();
    return this.threads?.inherit() ?? false;
  }

  /** @internal */
  levelChanged(account: Account, previous: Level): void {
    const { level } = account;
    // Not from within a reservation: a listener may take and free memory itself.
    queueMicrotask(() => {
      const { usedBytes, limitBytes: limit } = account;
      const percent = usedPercent(usedBytes, limit) ?? 0;
      const event: PressureEvent = { account, level, previous, usedBytes, limitBytes: limit, usedPercent: percent };
      tellPressure(this.name, event);
      this.emit('pressure', event);
    });
    if (LEVELS.indexOf(level) > LEVELS.indexOf(previous) && this.settings.autoCleanup) this.autoCleanup.schedule();
  }

  /** @internal */
  scopeEnded(scope: MemoryScope, ended: EndedScope): void {
    if (ended.leftCount > 0) this.orphans.add(scope, ended);
  }

  /** @internal */
  releaseAllLost(): void {
    for (const pool of this.poolsByIndex) pool.recovery.releaseLost();
  }

  /** @internal */
  releaseAllOrphaned(): void {
    this.orphans.scan();
    releaseOrphaned(this.ledger, this.pools);
  }

  /** @internal */
  consumers(account: Account): Consumer[] {
    return consumersOf(this.ledger, account);
  }

  /** AsyncLocalStorage starts with the first scope: on Node 20 it takes every await of the process from 50 to 145 ns. */
  protected override scopes(): Scopes {
    if (this.ledger.scopes === undefined) {
      this.ledger.scopes = new Scopes(this);
      useScopes();
    }
    return this.ledger.scopes;
  }

  private beginSharing(threads: ManagerThreads): void {
    this.threads = threads;
    threads.begin();
  }

  private makePool(config: PoolConfig): MemoryPool {
    if (this.made === 'here') this.threads?.preparePool(config.limitBytes);
    const pool = new MemoryPool(this, config);
    this.poolsByName.set(pool.name, pool);
    this.poolsByIndex.push(pool);
    this.threads?.addPool(pool);
    return pool;
  }

  /** Pools that another thread has added meanwhile. */
  private findPools(): ReadonlyMap<string, MemoryPool> {
    if (this.made === 'elsewhere' && this.threads !== undefined) {
      for (const config of poolsFrom(this.ledger, this.poolsByIndex.length)) this.makePool(config);
    }
    return this.poolsByName;
  }

  /** Nobody can free the record any more; of what is on its way to another thread, that one can. */
  private lost(record: number): void {
    const place = this.ledger.word((record << 3) + RECORD_PLACE);
    // One that has just received it has not come to change its generation yet.
    const isOwn = (place & PLACE_THREAD_MASK) >> PLACE_THREAD_SHIFT === this.ledger.thread;
    if (isOwn && (place & PLACE_TRANSIT) === 0) this.poolsByIndex[place & PLACE_POOL_MASK]?.recovery.recordLost(record);
  }

  private cleaned(event: CleanupEvent): void {
    tellCleanup(this.name, event);
    this.emit('cleanup', event);
  }

  /** As the ledger is read without asking anybody, what is to be in a report must be there. */
  private bringUpToDate(): void {
    this.ledger.beat();
    this.sampler.flush();
    this.orphans.scan();
    this.inherit();
  }

  private tick(): void {
    this.ticks += 1;
    this.watch.tick();
    this.bringUpToDate();
    this.threads?.tick();
    this.headroom.settleLevel();
    if (this.ticks % DECAY_SECONDS === 0) for (const pool of this.poolsByIndex) pool.decay();
    this.autoCleanup.takeStale(this.ticks);
  }
}

showFacts(MemoryManager.prototype);

/** @throws MemtoolError `MEMTOOL_INVALID_OPTION` */
function checkAge(ageSeconds: number): void {
  if (typeof ageSeconds === 'number' && ageSeconds >= 0) return;
  throw new MemtoolError(
    'MEMTOOL_INVALID_OPTION',
    `ageSeconds is ${String(ageSeconds)}, which is no number of seconds.`,
    {
      hint: 'Give seconds, 0 or more.',
    },
  );
}
