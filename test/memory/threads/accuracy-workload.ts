import { setImmediate } from 'node:timers/promises';
import { Random } from '../../../src/demo/random.ts';
import type { MemoryAllocation } from '../../../src/memory/allocation.ts';
import type { MemoryManager } from '../../../src/memory/manager.ts';
import type { MemoryPool } from '../../../src/memory/pool.ts';
import type { ReserveOptions } from '../../../src/memory/pool-options.ts';
import type { MemoryReservation } from '../../../src/memory/reservation.ts';
import type { MemoryScope } from '../../../src/memory/scope/scope.ts';
import type { TransferredMemory } from '../../../src/memory/threads/transfers.ts';
import { collectAll } from '../collect.ts';
import type { Control } from './accuracy-control.ts';
import { Held, HeldScope } from './accuracy-held.ts';
import {
  KIB,
  LIMITS,
  MANAGER_ACCOUNT,
  poolAccount,
  POOLS,
  USERS,
  userAccount,
  type Holdings,
  type Request,
  type User,
} from './accuracy-plan.ts';

const HELD_MAX = 120;
const SCOPES_MAX = 6;
const TAGS = ['', 'rows', 'pages', 'sorted'];

export interface WorkloadOptions {
  memory: MemoryManager;
  control: Control;
  /** Its place in the control. */
  slot: number;
  seed: number;
  /** Has a ticket brought to any other thread. */
  send: (ticket: TransferredMemory) => void;
}

/** A ticket that came from another thread. */
export interface Arrival {
  ticket: TransferredMemory;
  /** Its sender has died: it may have been received before. */
  isDoubtful: boolean;
  onReceived: () => void;
}

/** What one thread of the run does, at random, and what it must hold by its own books. */
export class Workload {
  readonly inbox: Arrival[] = [];
  private held: Held[] = [];
  private scopes: HeldScope[] = [];
  private readonly users = new Map<User, MemoryScope>();
  private readonly options: WorkloadOptions;
  private readonly random: Random;
  private readonly actions: [weight: number, act: () => void][];
  private opened = 0;

  constructor(options: WorkloadOptions) {
    this.options = options;
    this.random = new Random(options.seed);
    this.actions = [
      [22, () => this.take((pool, bytes, how) => pool.reserve(bytes, how), this.size())],
      [12, () => this.take((pool, bytes, how) => pool.allocate(bytes, how), this.size())],
      // More than a segment of the arena.
      [0.2, () => this.take((pool, bytes, how) => pool.allocate(bytes, how), 1100 * KIB)],
      [10, () => this.anyHeld()?.grow(this.size())],
      [7, () => this.shrink()],
      [4, () => this.anyHeld()?.resize(this.size())],
      [3, () => this.anyHeld()?.moveTo(this.anyPool())],
      [28, () => this.free()],
      [3, () => this.openScope()],
      [2.5, () => this.closeScope()],
      [2, () => this.anyScope()?.allocateInBatch(this.anyPool(), this.size())],
      [1, () => this.anyScope()?.freeBatch()],
      [4, () => this.transfer()],
      [8, () => this.receive(this.random.below(2) === 0 ? undefined : this.anyScope())],
      [0.5, () => this.drop(this.anyHeld())],
      [0.3, () => this.setLimit()],
      [1, () => this.openUser()],
      [0.8, () => this.endUser(this.one([...this.users.keys()]))],
      [0.02, () => void options.memory.cleanup()],
      [0.2, () => this.check()],
    ];
  }

  operate(): void {
    this.options.control.countOperation(this.options.slot);
    if (this.held.length >= HELD_MAX) this.free();
    let ticket = this.random.next() * this.actions.reduce((sum, [weight]) => sum + weight, 0);
    for (const [weight, act] of this.actions) {
      ticket -= weight;
      if (ticket < 0) return act();
    }
  }

  /** Everything that is held is what the books say, and within the limits of its scopes. */
  check(): void {
    for (const one of this.held) one.check();
    for (const scope of this.scopes) {
      const within = this.held.filter((one) => one.isHeld && one.scope?.isWithin(scope) === true);
      scope.check(within.reduce((sum, { bytes }) => sum + bytes, 0));
    }
  }

  /** Does what is asked of every thread when the work is done. */
  async obey(request: Request): Promise<void> {
    const { memory } = this.options;
    switch (request) {
      case 'inherit':
        memory.inherit();
        break;
      case 'clean up':
        await this.cleanUp();
        break;
      case 'clear':
        this.clear();
        break;
      case 'drop':
        await memory.cleanup({ force: true, ageSeconds: 0 });
        break;
      case 'end turn':
        break;
    }
    // What was drawn in advance goes back when the turn ends; an immediate of the turn's own may come after the first.
    await setImmediate();
    await setImmediate();
  }

  private async cleanUp(): Promise<void> {
    while (this.inbox.length > 0) this.receive(undefined);
    await collectAll();
    await this.options.memory.cleanup();
    this.check();
    this.held = this.held.filter(({ isHeld }) => isHeld);
    const orphan = this.held.find(({ isOrphaned }) => isOrphaned);
    if (orphan !== undefined) throw new Error(`the cleanup left an orphan of ${orphan.bytes} bytes`);
  }

  /** Frees everything and ends all scopes. */
  private clear(): void {
    this.check();
    for (const one of this.held.splice(0)) one.free();
    for (const scope of this.scopes.splice(0).toReversed()) scope.close();
    for (const user of this.users.keys()) this.endUser(user);
  }

  get holdings(): Holdings {
    const holdings: Holdings = { poolBytes: {}, userBytes: {} };
    for (const { pool, scope, bytes } of this.held) add(holdings, pool, scope, bytes);
    for (const scope of this.scopes)
      for (const { batch, pool } of scope.batches) add(holdings, pool, scope, batch.usedBytes);
    return holdings;
  }

  private take(
    ask: (pool: MemoryPool, bytes: number, how: ReserveOptions) => MemoryReservation | MemoryAllocation | undefined,
    bytes: number,
  ): void {
    const pool = this.anyPool();
    const tag = this.one(TAGS) ?? '';
    const scope = this.random.below(4) === 0 ? undefined : this.anyScope();
    const isNamed = this.random.below(2) === 0;
    const handle =
      scope !== undefined && isNamed
        ? ask(pool, bytes, { tag, scope: scope.scope })
        : this.within(scope, () => ask(pool, bytes, tag === '' ? {} : { tag }));
    if (handle !== undefined) this.held.push(new Held(handle, bytes, scope));
  }

  private shrink(): void {
    const one = this.anyHeld();
    if (one?.isHeld === true) one.resize(this.random.below(one.bytes + 1));
  }

  private free(): void {
    const one = this.anyHeld();
    this.drop(one);
    one?.free();
  }

  /** The handle is forgotten: unless it is freed, what it holds is lost. */
  private drop(one: Held | undefined): void {
    if (one !== undefined) this.held.splice(this.held.indexOf(one), 1);
  }

  private openScope(): void {
    if (this.scopes.length >= SCOPES_MAX) return;
    const { memory, slot } = this.options;
    this.opened += 1;
    const name = `${slot}-${this.opened}`;
    const limitBytes = this.random.below(3) === 0 ? 100 * KIB : undefined;
    const limit = limitBytes === undefined ? {} : { limit: limitBytes };
    const outer = this.random.below(3) === 0 ? this.anyScope() : undefined;
    if (outer !== undefined) {
      const inner = this.within(outer, () => memory.openProcedure(name, limit));
      this.scopes.push(new HeldScope(inner, limitBytes, outer));
      return;
    }
    const user = this.one([undefined, ...USERS.map((one) => one.name)]);
    const ofUser =
      user === undefined ? {} : { user, ...(this.random.below(2) === 0 ? { transaction: `of ${user}` } : {}) };
    this.scopes.push(new HeldScope(memory.openQuery(name, { ...limit, ...ofUser }), limitBytes, undefined));
  }

  private closeScope(): void {
    const scope = this.anyScope();
    if (scope === undefined) return;
    this.scopes.splice(this.scopes.indexOf(scope), 1);
    scope.close();
  }

  private transfer(): void {
    const one = this.anyHeld();
    if (one?.isHeld !== true) return;
    this.drop(one);
    this.options.send(one.transfer());
  }

  private receive(scope: HeldScope | undefined): void {
    const next = this.inbox.shift();
    if (next === undefined) return;
    const handle = this.within(scope, () => this.receiveTicket(next));
    if (handle === 'gone') return;
    // The scope's limit does not allow it: another time, in another.
    if (handle === undefined) this.inbox.push(next);
    else {
      next.onReceived();
      this.held.push(new Held(handle, next.ticket.size, scope));
    }
  }

  private receiveTicket({ ticket, isDoubtful }: Arrival): MemoryReservation | MemoryAllocation | 'gone' | undefined {
    try {
      return this.options.memory.receive(ticket);
    } catch (error) {
      if (isDoubtful && error instanceof Error && 'code' in error && error.code === 'MEMTOOL_NOT_IN_TRANSIT')
        return 'gone';
      throw error;
    }
  }

  private setLimit(): void {
    const { memory, control, slot } = this.options;
    const name = this.one(['manager', ...POOLS] as const) ?? 'manager';
    const limit = this.one(LIMITS[name]);
    const account = name === 'manager' ? memory : memory.pool(name);
    const index = name === 'manager' ? MANAGER_ACCOUNT : poolAccount(name);
    control.changeLimit(slot, index, () => void memory.setLimit(account, limit));
  }

  private openUser(): void {
    const { memory, control, slot } = this.options;
    const user = this.one(USERS.filter((one) => !this.users.has(one)));
    if (user === undefined) return;
    const limit = user.limitBytes === undefined ? {} : { limit: user.limitBytes };
    control.changeLimit(slot, userAccount(user), () => this.users.set(user, memory.openUser(user.name, limit)));
  }

  private endUser(user: User | undefined): void {
    if (user === undefined) return;
    this.users.get(user)?.close();
    this.users.delete(user);
  }

  private within<Result>(scope: HeldScope | undefined, work: () => Result): Result {
    return scope === undefined ? this.options.memory.untracked(work) : scope.scope.run(work);
  }

  private size(): number {
    const dice = this.random.below(100);
    if (dice < 4) return 0;
    if (dice < 45) return this.random.below(256);
    if (dice < 80) return this.random.below(8 * KIB);
    return this.random.below((dice < 96 ? 60 : 300) * KIB);
  }

  private anyPool(): MemoryPool {
    return this.options.memory.pool(this.one(POOLS) ?? 'query');
  }

  private anyScope(): HeldScope | undefined {
    return this.one(this.scopes);
  }

  private anyHeld(): Held | undefined {
    return this.one(this.held);
  }

  private one<Item>(items: readonly Item[]): Item | undefined {
    return items[this.random.below(items.length)];
  }
}

function add({ poolBytes, userBytes }: Holdings, pool: MemoryPool, scope: HeldScope | undefined, bytes: number): void {
  poolBytes[pool.name] = (poolBytes[pool.name] ?? 0) + bytes;
  const user = scope?.user;
  if (user !== undefined) userBytes[user] = (userBytes[user] ?? 0) + bytes;
}
