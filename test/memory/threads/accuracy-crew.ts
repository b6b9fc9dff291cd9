import { setImmediate } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { Random } from '../../../src/demo/random.ts';
import { MemoryManager } from '../../../src/memory/manager.ts';
import type { SharedMemory } from '../../../src/memory/threads/shared-memory.ts';
import type { TransferredMemory } from '../../../src/memory/threads/transfers.ts';
import { Control } from './accuracy-control.ts';
import { LedgerView } from './accuracy-ledger-view.ts';
import { Member } from './accuracy-member.ts';
import {
  FATES,
  MANAGER_OPTIONS,
  type Holdings,
  type Observed,
  type ObserverOrders,
  type Request,
  type WorkerOrders,
} from './accuracy-plan.ts';
import type { Scripts } from './accuracy-scripts.ts';
import { Workload } from './accuracy-workload.ts';

/** This thread's place in the control; it works too. */
const MAIN_SLOT = 0;
const WORKERS = 3;
/** This thread's operations in one turn of the event loop. */
const BURST = 100;
/** A worker thread lives for so many operations at the most. */
const LIFE_OPERATIONS = 4000;

export interface CrewOptions {
  scripts: Scripts;
  seed: number;
  operations: number;
}

/** Four threads that share a manager and work at random, of which all but this one may die and are replaced. */
export class Crew {
  readonly memory: MemoryManager = new MemoryManager(MANAGER_OPTIONS);
  readonly shared: SharedMemory;
  /** How many threads have died. */
  deaths = 0;
  private readonly options: CrewOptions;
  private readonly control = new Control();
  private readonly random: Random;
  private readonly workload: Workload;
  private readonly members = new Map<number, Member>();
  private readonly observer: Worker;
  private readonly observed: Promise<Observed>;
  private readonly errors: Error[] = [];
  private seeds: number;
  private isEnding = false;

  constructor(options: CrewOptions) {
    const { scripts, seed } = options;
    this.options = options;
    this.seeds = seed * 1000;
    this.random = new Random(seed);
    const { memory, control } = this;
    this.workload = new Workload({ memory, control, slot: MAIN_SLOT, seed, send: (ticket) => this.forward(ticket) });
    this.shared = memory.share();
    const orders: ObserverOrders = { memory: this.shared, control: control.memory };
    this.observer = new Worker(scripts.observer, { workerData: orders });
    this.observed = new Promise((resolve, reject) => {
      this.observer.once('message', resolve);
      this.observer.once('error', reject);
    });
  }

  /** Until every thread has done its part. */
  async work(): Promise<void> {
    for (let slot = MAIN_SLOT + 1; slot <= WORKERS; slot += 1) this.spawn(slot);
    while (!this.isDone) {
      for (let count = 0; count < BURST && this.left(MAIN_SLOT) > 0; count += 1) this.workload.operate();
      for (const member of this.members.values()) member.terminateInTime(this.control);
      // oxlint-disable-next-line no-await-in-loop -- a turn ends, and messages come in
      await setImmediate();
    }
    // All tickets have come to where they were sent before this is answered.
    await this.ask('end turn');
  }

  /** Until nothing of dead threads is left, and nobody holds anything in advance. */
  async settle(): Promise<void> {
    const view = new LedgerView(this.shared.ledger);
    const rounds = 2;
    for (let round = 0; round < rounds || view.threads.length > 1 + WORKERS; round += 1) {
      // oxlint-disable-next-line no-await-in-loop -- one thread after the other, so that none is busy while another looks
      await this.ask('inherit');
    }
    await this.ask('end turn');
  }

  /** Has every thread do it, one after the other. @returns what each of them holds */
  async ask(request: Request): Promise<Holdings[]> {
    await this.workload.obey(request);
    const holdings: Holdings[] = [this.workload.holdings];
    for (const member of this.members.values()) {
      // oxlint-disable-next-line no-await-in-loop -- as said
      holdings.push(await member.ask(request));
      this.throwErrors();
    }
    return holdings;
  }

  /** What was above a limit at some moment. */
  async stopObserver(): Promise<Observed> {
    this.control.stop();
    return this.observed;
  }

  async end(): Promise<void> {
    this.isEnding = true;
    this.control.stop();
    await Promise.all([...this.members.values()].map((member) => member.end()));
    await this.observer.terminate();
    this.memory.close();
  }

  private get isDone(): boolean {
    this.throwErrors();
    return this.left(MAIN_SLOT) === 0 && [...this.members.values()].every(({ isIdle }) => isIdle);
  }

  private throwErrors(): void {
    const [error] = this.errors;
    if (error !== undefined) throw error;
  }

  private left(slot: number): number {
    return Math.max(0, Math.floor(this.options.operations / (1 + WORKERS)) - this.control.operations(slot));
  }

  private spawn(slot: number): void {
    this.seeds += 1;
    const operations = this.left(slot);
    const fate = {
      kind: FATES[this.random.below(FATES.length)] ?? 'exit',
      atOperation: this.random.below(LIFE_OPERATIONS),
    };
    const orders: WorkerOrders = {
      memory: this.shared,
      control: this.control.memory,
      slot,
      seed: this.seeds,
      operations,
      fate: fate.atOperation < operations ? fate : undefined,
      operationsBefore: this.control.operations(slot),
    };
    const member = new Member({
      script: this.options.scripts.worker,
      orders,
      onSent: (ticket) => this.forward(ticket),
      onEnd: (unreceived, error) => this.replace(member, unreceived, error),
    });
    this.members.set(slot, member);
  }

  private replace({ orders }: Member, unreceived: TransferredMemory[], error: Error | undefined): void {
    const { slot, fate } = orders;
    if (this.isEnding) return;
    if (error !== undefined) this.errors.push(error);
    else if (fate === undefined) this.errors.push(new Error('a thread has ended that was to live'));
    this.deaths += 1;
    this.control.endChange(slot);
    for (const ticket of unreceived) this.workload.inbox.push({ ticket, isDoubtful: true, onReceived: () => {} });
    this.spawn(slot);
  }

  private forward(ticket: TransferredMemory): void {
    const members = [...this.members.values()];
    const member = members[this.random.below(members.length + 1)];
    if (member === undefined) this.workload.inbox.push({ ticket, isDoubtful: false, onReceived: () => {} });
    else member.pass(ticket);
  }
}
