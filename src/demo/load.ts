import { setImmediate } from 'node:timers/promises';
import type { Engine, Outcome } from './engine.ts';
import { QueryMix } from './query-mix.ts';
import { Random } from './random.ts';

/** A load begins with so many large results: they fill the cache on any machine, however slow. */
const EXPORT_COUNT = 24;
/** Profiled queries of a whole load, however long: enough to see, too few to bring the pool near its limit. */
const PROFILED_COUNT = 60;
/**
 * Profiling starts when the cache is long full and ends before the load does: auto-cleanup, which runs when the cache
 * crosses its warning level, would otherwise release what was forgotten until then.
 */
const PROFILED_FROM = 0.5;
const PROFILED_TO = 0.95;
/** Before that, one query in this many asks for more than there is. */
const RUNAWAY_ONE_IN = 100;

export interface LoadCounts {
  queries: number;
  refused: number;
}

/** Asks the engine one query after the other, the same ones in every run. */
export class Load {
  readonly counts: LoadCounts = { queries: 0, refused: 0 };
  readonly #engine: Engine;
  readonly #mix: QueryMix;
  readonly #random: Random;

  constructor(engine: Engine, seed = 1) {
    this.#engine = engine;
    this.#mix = new QueryMix(seed);
    this.#random = new Random(seed);
  }

  /** As many queries as this time allows; `onQuery` hears after each how far it is, 0 to 1. */
  async drive(seconds: number, onQuery: (done: number) => void): Promise<void> {
    const startedMs = performance.now();
    let profiled = 0;
    for (let done = 0; done < 1; done = Math.min(1, (performance.now() - startedMs) / (seconds * 1000))) {
      const due = PROFILED_COUNT * Math.min(1, (done - PROFILED_FROM) / (PROFILED_TO - PROFILED_FROM));
      if (profiled < due) {
        this.profiled();
        profiled += 1;
      } else if (this.counts.queries < EXPORT_COUNT) {
        this.#ask(this.#mix.export());
      } else {
        this.ordinary(done < PROFILED_FROM);
      }
      onQuery(done);
      // Timers, messages and finalizers are served between two queries.
      await setImmediate();
    }
  }

  ordinary(withRunaways: boolean = false): void {
    const isRunaway = withRunaways && this.#random.below(RUNAWAY_ONE_IN) === 0;
    this.#ask(isRunaway ? this.#mix.runaway() : this.#mix.ordinary());
  }

  profiled(): void {
    this.#ask(this.#mix.profiled());
  }

  #ask(text: string): void {
    const outcome: Outcome<number> = this.#engine.run(text, (page) => page.rowCount);
    this.counts.queries += 1;
    if (outcome.kind === 'refused') this.counts.refused += 1;
  }
}
