import { BufferWatch } from '../heap/buffers.ts';
import type { MainBuffers } from '../heap/buffer-sites.ts';
import { HeapWatch, type HeapWatchState } from '../heap/heap-watch.ts';

export interface MainHeapState {
  watch: HeapWatchState;
  /** `null` before a reading, and where they are not watched. */
  buffers: MainBuffers | null;
  heapUsedBytes: number;
  arrayBuffersBytes: number;
}

/** What the agent does in the main isolate: it has the heap and the Buffers watched, and tells what they hold. */
export class MainHeap {
  readonly #heap: HeapWatch;
  readonly #buffers: BufferWatch | undefined;

  /** @param sampleBytes mean of the bytes between two samples; 0: nothing is watched */
  constructor(sampleBytes: number) {
    this.#heap = new HeapWatch(sampleBytes);
    this.#buffers = sampleBytes === 0 ? undefined : new BufferWatch(sampleBytes);
  }

  /** Never throws. */
  start(): void {
    this.#heap.start();
    this.#buffers?.install();
  }

  tick(heapUsedBytes: number): void {
    this.#heap.tick(heapUsedBytes);
  }

  /** Before a reading. */
  read(): MainHeapState {
    return this.#state(this.#heap.read(), null);
  }

  /** After it: only now, its collection behind them, are the Buffers that live those that are told. */
  release(untilMs: number): MainHeapState {
    this.#heap.release(untilMs);
    return this.#state(this.#heap.state(), this.#buffers?.readByStack() ?? null);
  }

  restart(): void {
    this.#heap.restart();
  }

  stop(): void {
    this.#heap.stop();
    this.#buffers?.uninstall();
  }

  #state(watch: HeapWatchState, buffers: MainBuffers | null): MainHeapState {
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return { watch, buffers, heapUsedBytes: heapUsed, arrayBuffersBytes: arrayBuffers };
  }
}
