import { awaitFinalizers, collectGarbage } from '../memory/garbage-collection.ts';
import type { RegisteredManager } from '../memory/registry.ts';
import { readLayers, readMainMemory } from './main-memory.ts';
import {
  REQUEST,
  type CleanupResult,
  type MainMemory,
  type Observation,
  type RequestMessage,
  type ThreadMessage,
  type Work,
} from './messages.ts';

/** What lay under buffers is freed by a thread of V8's own: of 60 MiB a quarter was gone at once, and all of it by then. */
const FREED_MS = 50;

type CleanupWork = Extract<Work, { kind: 'cleanup' }>;

/** Does on a thread of the application what only that thread can do, when the agent asks. */
export class Responder {
  readonly #managers: ReadonlyMap<number, RegisteredManager>;
  readonly #send: (message: ThreadMessage) => void;
  readonly #collect: (gcSeconds?: number) => MainMemory;
  #lastCleanup: Promise<void> = Promise.resolve();

  /** @param collect gives the figures of the heap; called every few seconds */
  constructor(
    managers: ReadonlyMap<number, RegisteredManager>,
    send: (message: ThreadMessage) => void,
    collect: (gcSeconds?: number) => MainMemory = readMainMemory,
  ) {
    this.#managers = managers;
    this.#send = send;
    this.#collect = collect;
  }

  receive(request: RequestMessage): void {
    if (request.work.kind !== 'cleanup') {
      void this.#run(request);
      return;
    }
    // One after the other; a request that waits here can still be withdrawn.
    this.#lastCleanup = this.#lastCleanup.then(() => this.#run(request));
  }

  /** Never rejects. */
  async #run({ requestId, state, work }: RequestMessage): Promise<void> {
    if (Atomics.compareExchange(state, 0, REQUEST.pending, REQUEST.taken) !== REQUEST.pending) {
      this.#send({ kind: 'answer', requestId, answer: { ok: false, message: 'withdrawn' } });
      return;
    }
    try {
      const value = await this.#do(work);
      this.#send({ kind: 'answer', requestId, answer: { ok: true, value } });
    } catch (error) {
      this.#send({ kind: 'answer', requestId, answer: { ok: false, message: messageOf(error) } });
    }
  }

  #do(work: Work): MainMemory | Promise<Observation[] | CleanupResult> {
    switch (work.kind) {
      case 'collect':
        return this.#collect(work.gcSeconds);
      case 'observe':
        return this.#observe();
      case 'cleanup':
        return this.#cleanup(work);
    }
  }

  #observe(): Promise<Observation[]> {
    return Promise.all(
      [...this.#managers.values()].map(async (manager) => ({
        manager: manager.name,
        ledgerId: manager.ledgerId,
        usages: await manager.observed(),
        phases: manager.phases?.() ?? [],
        caches: manager.caches?.() ?? [],
      })),
    );
  }

  async #cleanup({ managers, options, gc }: CleanupWork): Promise<CleanupResult> {
    const before = readLayers();
    let gcPauseMs = gc ? collectGarbage() : null;
    // What the collection found to be unreachable is lost only once its finalizer has said so.
    if (gc) await awaitFinalizers();
    const results: CleanupResult['managers'] = [];
    for (const id of managers) {
      const manager = this.#managers.get(id);
      // It was closed meanwhile: its memory is gone with it.
      if (!manager) continue;
      try {
        results.push({ name: manager.name, ok: true, cleanup: await manager.cleanup(options) });
      } catch (error) {
        results.push({ name: manager.name, ok: false, message: messageOf(error) });
      }
    }
    const reclaimed = results.some((result) => result.ok && result.cleanup.reclaimed.length > 0);
    if (gcPauseMs !== null && reclaimed) {
      // A second one, since what was just given up is still on the heap; in a task of its own, since a segment that was given up
      // is kept to the end of this one.
      await awaitFinalizers();
      gcPauseMs += collectGarbage();
      await new Promise((resolve) => setTimeout(resolve, FREED_MS).unref());
    }
    return { managers: results, before, after: readLayers(), gcPauseMs };
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
