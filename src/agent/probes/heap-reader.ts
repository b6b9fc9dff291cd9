import type { Session } from 'node:inspector';
import { setTimeout as sleep } from 'node:timers/promises';
import { nowMs } from '../../heap/heap-watch.ts';
import type { HeapReading } from '../../heap/heap-readings.ts';
import type { HeapProfile } from '../../report/profile.ts';
import { formatSeconds } from '../../units.ts';
import type { MainHeapState } from '../main-heap.ts';
import { evaluate, reasonOf, within, type MainThread } from '../main-thread.ts';

export type HeapReadingOutcome = { kind: 'read'; reading: HeapReading } | { kind: 'unavailable'; reason: string };

/** A heap of 4 GB takes about 4 s. Whoever reads it has agreed to that. */
const PROFILE_WAIT_MS = 30_000;
/** Thousands of finalizers run in one turn. */
const FINALIZERS_MS = 50;
/** Readings take no more than this share of the time. */
const BUDGET_SHARE = 0.01;
/** A first guess of what a reading takes, which is a full collection: 50 MB took 60 ms, 1 GB 800 ms. */
const MS_PER_HEAP_MIB = 1.2;

/** Installed by `startAgent()`. */
const AGENT = 'globalThis[Symbol.for("memtool.agent")]';

/**
 * Reads the sampling heap profiler of the main isolate, through a short-lived inspector session, which works while the main
 * thread runs JavaScript, an endless loop included. V8 makes it a full collection first, so that only what lives is told.
 */
export class HeapReader {
  readonly #mainThread: MainThread;
  #last: HeapReading | undefined;
  #reading: Promise<HeapReadingOutcome> | undefined;

  constructor(mainThread: MainThread) {
    this.#mainThread = mainThread;
  }

  /**
   * Those who ask at the same time get the same reading; so do those who ask again before a hundred times its pause is over.
   *
   * @param pauseMsMax a reading that would have the main thread stand still for longer is not made
   */
  read(pauseMsMax: number): Promise<HeapReadingOutcome> {
    const last = this.#last;
    if (last && nowMs() - last.endedMs < last.pauseMs / BUDGET_SHARE)
      return Promise.resolve({ kind: 'read', reading: last });
    this.#reading ??= this.#read(pauseMsMax).finally(() => (this.#reading = undefined));
    return this.#reading;
  }

  async #read(pauseMsMax: number): Promise<HeapReadingOutcome> {
    try {
      return await this.#mainThread.inspect((session) => this.#exchange(session, pauseMsMax));
    } catch (error) {
      return unavailable(reasonOf(error));
    }
  }

  async #exchange(session: Session, pauseMsMax: number): Promise<HeapReadingOutcome> {
    const { watch, heapUsedBytes } = await this.#state(session, 'readHeap()');
    if (watch.owner === 'none') return unavailable(watch.reason ?? 'the heap is not watched');
    const expectedMs = this.#expectedMs(heapUsedBytes);
    if (expectedMs > pauseMsMax) {
      await evaluate(session, `${AGENT}.releaseMarks(0)`);
      return unavailable(
        `a reading would have the main thread stand still for about ${formatSeconds(expectedMs / 1000)}: to have it made, say --max-pause ${Math.ceil((expectedMs * 1.5) / 1000)}s`,
      );
    }
    const began = performance.now();
    const profile = await sampled(session);
    const pauseMs = performance.now() - began;
    if (profile === undefined) {
      // Somebody has stopped the sampler that runs for all.
      await evaluate(session, `${AGENT}.restartHeap()`);
      return unavailable('somebody else has stopped its sampler, which has just been started again: ask later');
    }
    // What the collection has found to be unreachable is told by finalizers, when the event loop next turns.
    await sleep(FINALIZERS_MS);
    const after = await this.#state(session, `releaseMarks(${watch.nowMs})`);
    const reading: HeapReading = {
      state: watch,
      profile,
      buffers: after.buffers,
      pauseMs,
      endedMs: nowMs(),
      heapUsedBytes: after.heapUsedBytes,
      arrayBuffersBytes: after.arrayBuffersBytes,
    };
    this.#last = reading;
    return { kind: 'read', reading };
  }

  #expectedMs(heapUsedBytes: number): number {
    const last = this.#last;
    if (last && last.heapUsedBytes > 0) return (last.pauseMs / last.heapUsedBytes) * heapUsedBytes;
    return (heapUsedBytes / 1024 ** 2) * MS_PER_HEAP_MIB;
  }

  async #state(session: Session, call: string): Promise<MainHeapState> {
    const state = await evaluate(session, `${AGENT}.${call}`);
    if (!isMainHeapState(state)) throw new Error('the main thread could not answer the inspector');
    return state;
  }
}

/** @returns `undefined` when nobody samples */
function sampled(session: Session): Promise<HeapProfile | undefined> {
  const answer = new Promise<HeapProfile | undefined>((resolve) => {
    session.post('HeapProfiler.getSamplingProfile', (error, found) =>
      resolve(!error && isHeapProfile(found.profile) ? found.profile : undefined),
    );
  });
  return within(answer, PROFILE_WAIT_MS, 'the reading took too long');
}

function unavailable(reason: string): HeapReadingOutcome {
  return { kind: 'unavailable', reason };
}

function isHeapProfile(profile: object): profile is HeapProfile {
  return 'head' in profile && 'samples' in profile;
}

function isMainHeapState(value: unknown): value is MainHeapState {
  return typeof value === 'object' && value !== null && 'watch' in value && 'heapUsedBytes' in value;
}
