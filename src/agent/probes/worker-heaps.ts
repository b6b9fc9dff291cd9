import { once } from 'node:events';
import type { Session } from 'node:inspector';
import { threadId as ownThreadId } from 'node:worker_threads';
import { NATIVE_CALL, reasonOf, within, type MainThread } from '../main-thread.ts';
import {
  readTitle,
  readWorkerHeap,
  WORKER_HEAP_EXPRESSION,
  type WorkerHeap,
  type WorkerLabel,
} from '../worker-heap.ts';

/** `silent` are the workers that did not answer in time. */
export type WorkerHeapsReading =
  | { kind: 'read'; heaps: WorkerHeap[]; silent: WorkerLabel[] }
  | { kind: 'unavailable'; reason: string };

/** A main thread that runs JavaScript answers in 1-2 ms; with the next wait this stays under half a second. */
const MAIN_WAIT_MS = 250;
/** Four workers answer in 2 ms, a hundred in 20. One that ends meanwhile has to wait for us, so no longer than this. */
const WORKERS_WAIT_MS = 200;

const REQUEST = JSON.stringify({
  id: 1,
  method: 'Runtime.evaluate',
  // Quietly: whoever debugs the worker must not see it stop in our expression.
  params: { expression: WORKER_HEAP_EXPRESSION, returnByValue: true, silent: true, disableBreaks: true },
});

/**
 * Reads the heaps of all worker threads but our own, nested ones too, through the main thread's inspector, whose NodeWorker
 * domain leads to each. An evaluation interrupts a worker in `for (;;) {}`. The session lives for milliseconds, since a worker
 * cannot end while it does, and it never asks new workers to wait.
 *
 * Nothing cheaper says whether there are any: without, this takes 0.8-1.0 ms, on Node 20 to 26.
 */
export class WorkerHeapsProbe {
  readonly #mainThread: MainThread;
  #reading: Promise<WorkerHeapsReading> | undefined;

  constructor(mainThread: MainThread) {
    this.#mainThread = mainThread;
  }

  /** Those who ask at the same time get the same reading. */
  read(): Promise<WorkerHeapsReading> {
    this.#reading ??= this.#read().finally(() => (this.#reading = undefined));
    return this.#reading;
  }

  async #read(): Promise<WorkerHeapsReading> {
    try {
      return await this.#mainThread.inspect(askWorkers);
    } catch (error) {
      return { kind: 'unavailable', reason: reasonOf(error) };
    }
  }
}

async function askWorkers(session: Session): Promise<WorkerHeapsReading> {
  const asked = new Map<string, WorkerLabel>();
  const heaps: WorkerHeap[] = [];
  let isEnabled = false;
  // Ours alone: after a disconnect events of this session still come, until the main thread has heard of it.
  let isOpen = true;
  const waiting = new AbortController();
  const allAnswered = once(waiting.signal, 'abort');
  const settle = (sessionId: string): void => {
    asked.delete(sessionId);
    if (isEnabled && asked.size === 0) waiting.abort();
  };
  session.on('NodeWorker.attachedToWorker', ({ params: { sessionId, workerInfo } }) => {
    const worker = readTitle(workerInfo.title);
    if (!isOpen || worker === undefined || worker.threadId === ownThreadId) return;
    asked.set(sessionId, worker);
    session.post('NodeWorker.sendMessageToWorker', { sessionId, message: REQUEST }, (error) => {
      if (error) settle(sessionId);
    });
  });
  session.on('NodeWorker.receivedMessageFromWorker', ({ params: { sessionId, message } }) => {
    const worker = asked.get(sessionId);
    const heap = worker && readWorkerHeap(worker, readAnswer(message));
    // An answer without figures is that of a thread which ends: like one that does not answer, it is named.
    if (!isOpen || heap === undefined) return;
    heaps.push(heap);
    settle(sessionId);
  });
  session.on('NodeWorker.detachedFromWorker', ({ params: { sessionId } }) => settle(sessionId));
  try {
    await within(enable(session), MAIN_WAIT_MS, NATIVE_CALL);
    isEnabled = true;
    if (asked.size === 0) waiting.abort();
    // Those that do not answer in time are named.
    await within(allAnswered, WORKERS_WAIT_MS, 'some are silent').catch(() => undefined);
    return { kind: 'read', heaps, silent: [...asked.values()] };
  } finally {
    isOpen = false;
  }
}

function enable(session: Session): Promise<void> {
  return new Promise((resolve, reject) => {
    session.post('NodeWorker.enable', { waitForDebuggerOnStart: false }, (error) => {
      if (error) reject(new Error(error.message));
      else resolve();
    });
  });
}

function readAnswer(message: string): unknown {
  const answer: { result?: { result?: { value?: unknown } } } = JSON.parse(message);
  return answer.result?.result?.value;
}
