import type { Session } from 'node:inspector';
import { threadId as ownThreadId } from 'node:worker_threads';
import type { Control } from '../control.ts';
import { trackSession } from '../sessions.ts';
import {
  readTitle,
  readWorkerHeap,
  WORKER_HEAP_EXPRESSION,
  type WorkerHeap,
  type WorkerLabel,
} from '../worker-heap.ts';
import { ENDING, NATIVE_CALL, sessionFailure } from './v8.ts';

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
  readonly #control: Control;
  #reading: Promise<WorkerHeapsReading> | undefined;
  #release: (() => void) | undefined;

  constructor(control: Control) {
    this.#control = control;
  }

  /** Those who ask at the same time get the same reading. */
  read(): Promise<WorkerHeapsReading> {
    this.#reading ??= this.#read().finally(() => (this.#reading = undefined));
    return this.#reading;
  }

  /** The process is leaving: an open session would hold it up. */
  release(): void {
    this.#release?.();
  }

  async #read(): Promise<WorkerHeapsReading> {
    if (!this.#control.beginSession()) return { kind: 'unavailable', reason: ENDING };
    try {
      // A node built without the inspector has no such module.
      const inspector = process.getBuiltinModule('node:inspector');
      return await this.#ask(trackSession(new inspector.Session()));
    } catch (error) {
      return { kind: 'unavailable', reason: sessionFailure(error) };
    } finally {
      this.#control.endSession();
    }
  }

  #ask(session: Session): Promise<WorkerHeapsReading> {
    const asked = new Map<string, WorkerLabel>();
    const heaps: WorkerHeap[] = [];
    let isEnabled = false;
    // Ours alone: after a disconnect events of this session still come, until the main thread has heard of it.
    let isOpen = true;
    return new Promise((resolve) => {
      const finish = (reading: WorkerHeapsReading): void => {
        if (!isOpen) return;
        isOpen = false;
        this.#release = undefined;
        clearTimeout(timer);
        session.disconnect();
        resolve(reading);
      };
      const finishRead = (): void => finish({ kind: 'read', heaps, silent: [...asked.values()] });
      const settle = (sessionId: string): void => {
        asked.delete(sessionId);
        if (isEnabled && asked.size === 0) finishRead();
      };
      let timer = setTimeout(() => finish({ kind: 'unavailable', reason: NATIVE_CALL }), MAIN_WAIT_MS);
      this.#release = () => finish({ kind: 'unavailable', reason: ENDING });
      session.connectToMainThread();
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
      session.post('NodeWorker.enable', { waitForDebuggerOnStart: false }, (error) => {
        if (error) return finish({ kind: 'unavailable', reason: sessionFailure(error) });
        isEnabled = true;
        clearTimeout(timer);
        timer = setTimeout(finishRead, WORKERS_WAIT_MS);
        if (asked.size === 0) finishRead();
      });
    });
  }
}

function readAnswer(message: string): unknown {
  const answer: { result?: { result?: { value?: unknown } } } = JSON.parse(message);
  return answer.result?.result?.value;
}
