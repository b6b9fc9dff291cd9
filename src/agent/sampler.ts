import type { History } from './history.ts';
import type { Managers } from './managers.ts';
import type { MainMemory } from './messages.ts';
import type { ProcessProbe } from './probes/process.ts';
import type { HeapProbe } from './probes/v8.ts';

const TICK_MS = 1000;
/** The heap is asked for on the application's thread (under 0.1 ms), so more rarely. */
const HEAP_TICKS = 5;
/** Reading the pools looks at every record: with millions of them, so rarely that it stays below this share of the time. */
const POOLS_TIME_SHARE = 0.005;

export interface SamplerSources {
  managers: Managers;
  history: History;
  process: ProcessProbe;
  heap: HeapProbe;
}

/** The agent's clock: once a second it moves the ledgers' clocks on and notes what growth and CPU are computed from. */
export class Sampler {
  readonly #sources: SamplerSources;
  #tick = 0;
  #nextPoolsAtMs = 0;

  constructor(sources: SamplerSources) {
    this.#sources = sources;
  }

  start(): void {
    this.#sample();
    setInterval(() => this.#sample(), TICK_MS).unref();
  }

  #sample(): void {
    const { managers, process } = this.#sources;
    managers.beat();
    process.sample();
    const startMs = performance.now();
    if (startMs >= this.#nextPoolsAtMs) {
      this.#notePools();
      this.#nextPoolsAtMs = startMs + (performance.now() - startMs) / POOLS_TIME_SHARE;
    }
    if (this.#tick % HEAP_TICKS === 0) void this.#noteHeap();
    this.#tick += 1;
  }

  #notePools(): void {
    const { managers, history } = this.#sources;
    const read = managers.stats();
    for (const { manager, name, usedBytes } of read.pools) history.note(['pool', manager ?? '', name], usedBytes);
    for (const { name, usedBytes } of read.managers) history.note(['manager', '', name], usedBytes);
  }

  async #noteHeap(): Promise<void> {
    const memory: MainMemory | undefined = await this.#sources.heap.readIfIdle();
    if (memory) this.#sources.history.note(['heap', '', 'heap'], memory.heapUsedBytes);
  }
}
