/** A real worker thread that shares a manager, and a way to have it do things. See test/fixtures/threads.js. */
import { Worker, type ResourceLimits } from 'node:worker_threads';
import { onTestFinished } from 'vitest';
import type { Leak } from '../../../src/report/leaks.ts';
import type { Level } from '../../../src/report/level.ts';
import type { ManagerStats, PoolStats } from '../../../src/report/stats.ts';
import type { MemoryManager } from '../../../src/memory/manager.ts';
import type { ManagerPressure } from '../../../src/memory/manager-reports.ts';
import type { CleanupOptions, ManagerCleanup } from '../../../src/memory/registry.ts';
import type { TransferredMemory } from '../../../src/memory/threads/transfers.ts';

const PROGRAM = new URL('../../fixtures/threads.js', import.meta.url);
const STARTED = 'ready';

interface Asked {
  as: string;
  pool: string;
  bytes: number;
  tag?: string;
  /** What it was opened as. */
  scope?: string;
}

interface Opened {
  as: string;
  /** Default: `as`. */
  name?: string;
  limit?: number;
  user?: string;
  transaction?: string;
}

/** A pool, a scope by what it was opened as, or the manager. */
interface Of {
  pool?: string;
  scope?: string;
}

interface Figures {
  usedBytes: number;
  peakBytes: number;
  limitBytes: number;
  level: Level;
}

/** What can be asked of a thread, and what it answers. */
interface Steps {
  reserve(asked: Asked): boolean;
  allocate(asked: Asked & { fill?: number }): boolean;
  reserveMany(asked: Omit<Asked, 'as'> & { count: number }): number;
  reserveOrThrow(asked: Omit<Asked, 'as'>): void;
  reserveLater(asked: Asked & { flag: SharedArrayBuffer }): void;
  free(of: { as: string }): void;
  freeAll(): void;
  dispose(of: { as: string }): void;
  forget(of: { as: string }): void;
  isHeld(of: { as: string }): boolean;
  transfer(of: { as: string }): TransferredMemory;
  receive(of: { as: string; ticket: TransferredMemory; scope?: string }): boolean;
  fill(of: { as: string; value: number }): void;
  /** That all bytes have, or -1. */
  value(of: { as: string }): number;
  keepView(of: { as: string }): void;
  viewValue(of: { as: string }): number;
  forgetView(of: { as: string }): void;
  openUser(of: Opened): void;
  openTransaction(of: Opened): void;
  openQuery(of: Opened): void;
  closeScope(of: { as: string }): void;
  churnUsers(of: { count: number; open: number; pool: string; bytes: number }): void;
  enterTags(of: { count: number }): void;
  figures(of: Of): Figures;
  setLimit(of: Of & { limit: number | undefined }): void;
  leaks(of: { ageSeconds: number }): Leak[];
  pressure(): ManagerPressure;
  stats(): { manager: ManagerStats; pools: PoolStats[] };
  cleanup(options: CleanupOptions): ManagerCleanup;
  watch(): void;
  events(): string[];
  reclaim(of: { pool: string }): void;
  close(): void;
  turnEnd(): void;
  collect(): void;
  turn(of: { asked: readonly Step[] }): unknown[];
  longTurn(of: { asked: readonly Step[]; flag: SharedArrayBuffer }): unknown[];
  spin(of: { pool: string; bytes: number; flag: SharedArrayBuffer }): never;
  spinUsers(of: { pool: string; bytes: number; flag: SharedArrayBuffer }): never;
  spinTransfer(of: { pool: string; bytes: number; flag: SharedArrayBuffer }): never;
  exit(): never;
  fail(): void;
  exhaust(): never;
  nest(of: { asked: readonly Step[] }): void;
}

type StepName = keyof Steps;
type Given<Name extends StepName> = Parameters<Steps[Name]>;
export type Step = { [Name in StepName]: [name: Name, ...given: Given<Name>] }[StepName];

interface Answer {
  value?: unknown;
  error?: { code: string; message: string; hint?: string };
}

/** What a step threw over there. */
export class StepError extends Error {
  readonly code: string;
  readonly hint: string | undefined;

  constructor({ code, message, hint }: NonNullable<Answer['error']>) {
    super(message);
    this.code = code;
    this.hint = hint;
  }
}

export class Thread {
  readonly worker: Worker;
  /** When it has ended, for whatever reason. */
  readonly ended: Promise<void>;
  private readonly waiting: ((answer: Answer | undefined) => void)[] = [];
  private isEnded = false;

  private constructor(memory: MemoryManager, isStill: boolean, resourceLimits: ResourceLimits) {
    this.worker = new Worker(PROGRAM, { workerData: { memory: memory.share(), isStill }, resourceLimits });
    this.worker.on('message', (answer: Answer) => this.waiting.shift()?.(answer));
    // One that fails is meant to.
    this.worker.on('error', () => {});
    this.ended = new Promise((resolve) => {
      this.worker.once('exit', () => {
        this.isEnded = true;
        for (const tell of this.waiting.splice(0)) tell(undefined);
        resolve();
      });
    });
  }

  /** @param options `isStill`: its manager has no ticks, so that nothing happens there but what is asked */
  static async start(
    memory: MemoryManager,
    options: { isStill?: boolean; resourceLimits?: ResourceLimits } = {},
  ): Promise<Thread> {
    const thread = new Thread(memory, options.isStill ?? false, options.resourceLimits ?? {});
    onTestFinished(() => thread.end());
    const { value } = (await thread.answer()) ?? {};
    if (value !== STARTED) throw new Error('the thread has not started');
    return thread;
  }

  /** @throws StepError what the step threw */
  async do<Name extends StepName>(name: Name, ...given: Given<Name>): Promise<ReturnType<Steps[Name]>> {
    this.tell(name, ...given);
    const answer = await this.answer();
    if (answer === undefined) throw new Error(`the thread ended during ${name}`);
    if (answer.error !== undefined) throw new StepError(answer.error);
    // As the fixture answers.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    return answer.value as ReturnType<Steps[Name]>;
  }

  /** Does not wait for the answer: of what never ends, or ends the thread. */
  tell<Name extends StepName>(name: Name, ...given: Given<Name>): void {
    this.worker.postMessage({ name, given: given[0] });
  }

  async end(): Promise<void> {
    if (!this.isEnded) await this.worker.terminate();
    await this.ended;
  }

  private answer(): Promise<Answer | undefined> {
    return new Promise((resolve) => {
      if (this.isEnded) resolve(undefined);
      else this.waiting.push(resolve);
    });
  }
}

/** Two words that a thread raises and waits for. */
export function makeFlag(): { memory: SharedArrayBuffer; raised: () => boolean; release: () => void } {
  const memory = new SharedArrayBuffer(8);
  const words = new Int32Array(memory);
  return {
    memory,
    raised: () => Atomics.load(words, 0) === 1,
    release: () => {
      Atomics.store(words, 1, 1);
      Atomics.notify(words, 1);
    },
  };
}
