import type { Session } from 'node:inspector';
import { EpochMarks, type EpochMark } from './epoch-marks.ts';

/** Whose sampler it is that runs: V8 has one a heap. `none`: there is none, for the reason given. */
export type SamplerOwner = 'own' | 'foreign' | 'none';

export interface HeapWatchState {
  owner: SamplerOwner;
  /** Why there is none. */
  reason: string | null;
  /** The mean between two samples; of somebody else's sampler nobody can say. */
  sampleBytes: number | null;
  /** Milliseconds since 1970: what was allocated before is not seen. */
  startedMs: number;
  nowMs: number;
  marks: EpochMark[];
}

/** With a mean of 512 KiB between samples, as in tcmalloc and pprof: 1 % of the time of a program that allocates 1.3 GB/s. */
export const SAMPLE_BYTES_DEFAULT: number = 512 * 1024;

const STOPPED = 'the heap is not watched';

/** Milliseconds since 1970, by a clock that never goes back, and is the same in all threads to within a few of them. */
export function nowMs(): number {
  return performance.timeOrigin + performance.now();
}

/**
 * Has the sampling heap profiler of V8 run in the main isolate, with marks of time. The session must be one of the main
 * thread: the sampler ends with the session that started it, and a thread's session ends with the thread.
 */
export class HeapWatch {
  readonly #sampleBytes: number;
  #session: Session | undefined;
  #owner: SamplerOwner = 'none';
  #reason: string = STOPPED;
  #startedMs = 0;
  #marks: EpochMarks | undefined;

  constructor(sampleBytes: number = SAMPLE_BYTES_DEFAULT) {
    this.#sampleBytes = sampleBytes;
  }

  /** Never throws. Where somebody samples already, theirs is used and left alone. */
  start(): void {
    if (this.#sampleBytes === 0) {
      this.#reason = 'it was switched off by MEMTOOL_SAMPLE_BYTES=0';
      return;
    }
    try {
      // A node built without the inspector has no such module, and its permission model may refuse it.
      this.#session ??= openSession();
      this.#startedMs = nowMs();
      this.#marks = new EpochMarks(this.#sampleBytes, this.#startedMs);
      this.#owner = 'foreign';
      if (isSampling(this.#session)) return;
      this.#owner = 'own';
      this.#session.post('HeapProfiler.startSampling', { samplingInterval: this.#sampleBytes }, (error) => {
        if (error) this.#fail(error.message);
      });
    } catch (error) {
      this.#fail(error instanceof Error ? error.message : String(error));
    }
  }

  /** Now and then, on the main thread, where it allocates half a megabyte if time has come. */
  tick(heapBytes: number): void {
    if (this.#owner !== 'none') this.#marks?.tick(nowMs(), heapBytes);
  }

  /** Before a reading. The marks that are given are to be released. */
  read(): HeapWatchState {
    const state = this.state();
    if (this.#owner !== 'none' && this.#marks) state.marks = this.#marks.read(state.nowMs);
    return state;
  }

  /** Without the marks. */
  state(): HeapWatchState {
    return {
      owner: this.#owner,
      reason: this.#owner === 'none' ? this.#reason : null,
      sampleBytes: this.#owner === 'own' ? this.#sampleBytes : null,
      startedMs: this.#startedMs,
      nowMs: nowMs(),
      marks: [],
    };
  }

  release(untilMs: number): void {
    this.#marks?.release(untilMs);
  }

  /** After somebody has stopped the sampler that we relied on. */
  restart(): void {
    this.stop();
    this.start();
  }

  stop(): void {
    // Ends the sampler if it is this session's; without the full collection that asking it to stop would cost.
    this.#session?.disconnect();
    this.#session = undefined;
    this.#marks = undefined;
    this.#owner = 'none';
    this.#reason = STOPPED;
  }

  #fail(reason: string): void {
    this.stop();
    this.#reason = reason;
  }
}

function openSession(): Session {
  const session = new (process.getBuiltinModule('node:inspector').Session)();
  session.connect();
  return session;
}

/** Answers at once on a session of the same thread. Costs a full collection only where somebody does sample. */
function isSampling(session: Session): boolean {
  let sampling = false;
  session.post('HeapProfiler.getSamplingProfile', (error) => (sampling = error === null));
  return sampling;
}
