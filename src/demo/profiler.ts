import type { ResultPage } from './result-page.ts';
import type { WorkingPool, WorkingReservation } from './working-memory.ts';

const SCRATCH_BYTES_MAX = 256 * 1024;
const SAMPLE_ROWS_MAX = 1024;
/** Results of fewer rows have no percentiles worth the name. */
const PERCENTILE_ROWS_MIN = 100;

export interface Profile {
  rowCount: number;
  milliseconds: number;
  /** Of the first column. */
  median: number | undefined;
}

interface Sample {
  text: string;
  rows: number[][];
  reservation: WorkingReservation;
}

/**
 * What `PROFILE SELECT ...` does after the query, and **where this service forgets memory, on purpose**. Both mistakes below
 * are deliberate: they are what `memtool demo` is there to find. Do not copy them, and do not fix them.
 */
export class Profiler {
  readonly #pool: WorkingPool;
  readonly #samples: Sample[] = [];

  constructor(pool: WorkingPool) {
    this.#pool = pool;
  }

  /** @throws MemoryLimitError when the pool refuses. */
  profile(text: string, page: ResultPage, milliseconds: number): Profile {
    this.#keepSample(text, page);
    const { rowCount } = page;
    const size = Math.min(rowCount * 8, SCRATCH_BYTES_MAX) || 8;
    const scratch = this.#pool.allocateOrThrow(size, { tag: 'profile-rows' });
    if (rowCount >= PERCENTILE_ROWS_MIN) {
      const values = new Float64Array(scratch.bytes.buffer, scratch.bytes.byteOffset, size / 8);
      values.set(page.column(0).subarray(0, values.length));
      values.sort();
      // DELIBERATE LEAK, `lost`: an early return that misses the free() below. Nobody has the handle from here on.
      return { rowCount, milliseconds, median: values[values.length >> 1] };
    }
    scratch.free();
    return { rowCount, milliseconds, median: undefined };
  }

  #keepSample(text: string, page: ResultPage): void {
    const rows = page.rows(SAMPLE_ROWS_MAX);
    // Each row is an array: about 40 bytes of headers, and its numbers.
    const size = rows.length * (40 + 8 * page.labels.length) + text.length;
    const reservation = this.#pool.reserveOrThrow(size, { tag: 'profile-samples' });
    // DELIBERATE LEAK, `stale`: a list that only grows. Everything in it can be reached, so it is a suspicion and no proof.
    this.#samples.push({ text, rows, reservation });
  }
}
