import type { MemoryManager } from 'memtool';
import { Lane } from './lane.ts';
import type { LoadCounts } from './messages.ts';
import type { QueryThread } from './query-thread.ts';
import { USERS_BY_THREAD } from './users.ts';

/** A load begins with so many large results for each thread, which fill the caches. */
const EXPORT_COUNT = 12;
/** Where that takes long, the load does too: this share of it is with full caches. */
const FILLED_MIN = 0.5;
/** Profiled queries of a whole load, however long: enough to see, too few to bring the pool near its limit. */
const PROFILED_COUNT = 60;
/** As many there are at the least, even when the machine is so busy that the time is over after the first query. */
const PROFILED_MIN = 5;
/**
 * Profiling starts when the caches are long full and ends before the load does: auto-cleanup, which runs when they cross
 * the warning level of their pool, would otherwise release what was forgotten until then.
 */
const PROFILED_FROM = 0.5;
const PROFILED_TO = 0.95;

/** Keeps the query threads at work. */
export class Load {
  readonly counts: LoadCounts = { queries: 0, refused: 0, refusal: undefined };
  readonly #lanes: readonly Lane[];
  #turn = 0;

  constructor(threads: readonly QueryThread[], memory: MemoryManager) {
    this.#lanes = threads.map(
      (thread, index) =>
        new Lane(thread, USERS_BY_THREAD[index] ?? [], { memory, counts: this.counts, seed: index + 1 }),
    );
  }

  /** As many queries as this time allows; `onQuery` hears after each how far it is, 0 to 1. */
  async drive(seconds: number, onQuery: (done: number) => void): Promise<void> {
    const startedMs = performance.now();
    await Promise.all(this.#lanes.map((lane) => fill(lane)));
    const filledMs = performance.now();
    const endMs = Math.max(startedMs + seconds * 1000, filledMs + seconds * FILLED_MIN * 1000);
    const done = (): number => Math.min(1, (performance.now() - filledMs) / (endMs - filledMs));
    await Promise.all(this.#lanes.map((lane) => drive(lane, done, onQuery)));
  }

  /** What has been forgotten is known afterwards. */
  async collectGarbage(): Promise<void> {
    await Promise.all(this.#lanes.map((lane) => lane.collectGarbage()));
  }

  /** What a user asks for next, of one thread after the other. */
  async ordinary(): Promise<void> {
    const lane = this.#lanes[this.#turn % this.#lanes.length];
    this.#turn += 1;
    await lane?.ordinary();
  }

  async profiled(): Promise<void> {
    await this.#lanes.find(({ hasProfiled }) => hasProfiled)?.profiled();
  }
}

async function fill(lane: Lane): Promise<void> {
  // oxlint-disable-next-line no-await-in-loop -- a thread runs one query at a time
  for (let exported = 0; exported < EXPORT_COUNT; exported += 1) await lane.export();
}

/* oxlint-disable no-await-in-loop -- a thread runs one query at a time */
async function drive(lane: Lane, done: () => number, onQuery: (done: number) => void): Promise<void> {
  let profiled = lane.hasProfiled ? 0 : PROFILED_COUNT;
  for (let now = done(); now < 1 || profiled < PROFILED_MIN; now = done()) {
    const due = PROFILED_COUNT * Math.min(1, (now - PROFILED_FROM) / (PROFILED_TO - PROFILED_FROM));
    if (profiled < due) {
      await lane.profiled();
      profiled += 1;
    } else {
      await lane.ordinary();
    }
    onQuery(now);
  }
}
