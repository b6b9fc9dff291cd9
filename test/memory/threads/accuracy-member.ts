import { Worker } from 'node:worker_threads';
import type { TransferredMemory } from '../../../src/memory/threads/transfers.ts';
import type { Control } from './accuracy-control.ts';
import {
  DIED_AS_ORDERED,
  type FromWorker,
  type Holdings,
  type Request,
  type ToWorker,
  type WorkerOrders,
} from './accuracy-plan.ts';

export interface MemberOptions {
  script: string;
  orders: WorkerOrders;
  onSent: (ticket: TransferredMemory) => void;
  /** It has ended, with what it was sent and did not say it received. @param error unless it died as ordered */
  onEnd: (unreceived: TransferredMemory[], error: Error | undefined) => void;
}

/** One working thread, as the main thread knows it. */
export class Member {
  readonly orders: WorkerOrders;
  /** It has done its work and waits for requests. */
  isIdle = false;
  private readonly worker: Worker;
  private readonly onSent: (ticket: TransferredMemory) => void;
  private readonly unreceived = new Map<number, TransferredMemory>();
  private readonly answers = new Map<number, { resolve: (holdings: Holdings) => void; reject: (why: Error) => void }>();
  private lastId = 0;
  private isTerminated = false;

  constructor({ script, orders, onSent, onEnd }: MemberOptions) {
    this.orders = orders;
    this.onSent = onSent;
    this.worker = new Worker(script, { workerData: orders });
    let error: Error | undefined = undefined;
    this.worker.on('message', (message: FromWorker) => this.heed(message));
    this.worker.on('error', (problem: Error) => {
      if (problem.message !== DIED_AS_ORDERED) error = problem;
    });
    this.worker.on('exit', () => {
      onEnd([...this.unreceived.values()], error);
      for (const { reject } of this.answers.values()) reject(error ?? new Error('the thread has ended'));
    });
  }

  /** When it is its fate and has come that far: once, in the middle of whatever it does. */
  terminateInTime(control: Control): void {
    const { fate, slot, operationsBefore } = this.orders;
    if (this.isTerminated || fate?.kind !== 'terminated') return;
    if (control.operations(slot) < operationsBefore + fate.atOperation) return;
    this.isTerminated = true;
    void this.worker.terminate();
  }

  pass(ticket: TransferredMemory): void {
    this.lastId += 1;
    this.unreceived.set(this.lastId, ticket);
    this.post({ kind: 'ticket', id: this.lastId, ticket });
  }

  async ask(request: Request): Promise<Holdings> {
    this.lastId += 1;
    const id = this.lastId;
    return new Promise((resolve, reject) => {
      this.answers.set(id, { resolve, reject });
      this.post({ kind: 'ask', id, request });
    });
  }

  async end(): Promise<void> {
    await this.worker.terminate();
  }

  private heed(message: FromWorker): void {
    switch (message.kind) {
      case 'idle':
        this.isIdle = true;
        break;
      case 'answer':
        this.answers.get(message.id)?.resolve(message.holdings);
        this.answers.delete(message.id);
        break;
      case 'sent':
        this.onSent(message.ticket);
        break;
      case 'received':
        this.unreceived.delete(message.id);
        break;
    }
  }

  private post(message: ToWorker): void {
    this.worker.postMessage(message);
  }
}
