import type { BlackBox } from './black-box.ts';
import type { History } from './history.ts';
import type { Managers } from './managers.ts';
import type { MainMemory } from './messages.ts';
import { OwnGarbage } from './own-garbage.ts';
import type { ProcessProbe } from './probes/process.ts';
import type { HeapProbe } from './probes/v8.ts';
import type { WorkerThreads } from './worker-threads.ts';

const TICK_MS = 1000;
/** The heap is asked for on the application's thread (under 0.1 ms), so more rarely; often at first, when marks of time are set closer. */
const HEAP_TICKS = 5;
const HEAP_TICKS_EARLY = 2;
const EARLY_TICKS = 60;
/** Of its limit: when it will be there soon, the black box wants to know it every second. */
const HEAP_FULL_SHARE = 0.7;
/** That its growth is carried on for. */
const READINGS_AHEAD = 3;

export interface SamplerSources {
  managers: Managers;
  workerThreads: WorkerThreads;
  history: History;
  process: ProcessProbe;
  heap: HeapProbe;
  blackBox: BlackBox;
}

/** The agent's clock: once a second it moves the ledgers' clocks on and notes what growth and CPU are computed from. */
export class Sampler {
  readonly #sources: SamplerSources;
  readonly #garbage = new OwnGarbage();
  #tick = 0;
  #heapUsedBytes = 0;
  #isHeapNearFull = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(sources: SamplerSources) {
    this.#sources = sources;
  }

  start(): void {
    this.#sample();
    this.#timer = setInterval(() => this.#sample(), TICK_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #sample(): void {
    const { managers, workerThreads, process, blackBox } = this.#sources;
    // Else the memory of a ledger would be kept until somebody asks.
    workerThreads.dropEnded();
    managers.beat();
    process.sample();
    this.#notePools();
    this.#garbage.collectIfMuch();
    const everyTicks = this.#isHeapNearFull ? 1 : this.#tick < EARLY_TICKS ? HEAP_TICKS_EARLY : HEAP_TICKS;
    if (this.#tick % everyTicks === 0) void this.#noteHeap().finally(() => blackBox.sample());
    else blackBox.sample();
    this.#tick += 1;
  }

  #notePools(): void {
    const { managers, history } = this.#sources;
    managers.read((reader, ledgerId) => {
      const pools = reader.usage();
      for (const { name, usedBytes } of pools) history.note(['pool', ledgerId, name], usedBytes);
      const usedBytes = pools.reduce((sum, pool) => sum + pool.usedBytes, 0);
      history.note(['manager', ledgerId], usedBytes);
    }, {});
  }

  async #noteHeap(): Promise<void> {
    const memory: MainMemory | undefined = await this.#sources.heap.readIfIdle();
    if (!memory) return;
    this.#sources.history.note(['heap'], memory.heapUsedBytes);
    this.#sources.blackBox.noteHeap(memory);
    const { heapUsedBytes, heapLimitBytes } = memory;
    const grownBytes = Math.max(0, heapUsedBytes - this.#heapUsedBytes);
    this.#isHeapNearFull = heapUsedBytes + READINGS_AHEAD * grownBytes >= HEAP_FULL_SHARE * heapLimitBytes;
    this.#heapUsedBytes = heapUsedBytes;
  }
}
