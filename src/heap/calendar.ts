import { sparest } from './sparest.ts';

/** Of so many dates the spacing is geometric by age; more are thinned out. */
const DATES_MAX = 128;

interface DatedOrdinal {
  ordinal: number;
  ms: number;
}

/**
 * Dates the samples of the heap profiler by their ordinals. Between two dates it interpolates, since ordinals grow with the
 * bytes that are allocated, as if these came at a constant rate.
 */
export class Calendar {
  /** In order of both. */
  #dates: DatedOrdinal[];

  /** @param startedMs when the sampler was started, whose first ordinal is 1 */
  constructor(startedMs: number) {
    this.#dates = [{ ordinal: 0, ms: startedMs }];
  }

  get startedMs(): number {
    return this.#dates[0]?.ms ?? 0;
  }

  get size(): number {
    return this.#dates.length;
  }

  /** What was sampled by then had at most this ordinal. */
  note(ordinal: number, ms: number): void {
    const at = this.#dates.findIndex((date) => date.ms > ms || date.ordinal > ordinal);
    const index = at === -1 ? this.#dates.length : at;
    const before = this.#dates[index - 1];
    if (before && before.ordinal === ordinal && before.ms === ms) return;
    // A date that contradicts another one is no date.
    if (index < this.#dates.length && (this.#dates[index]?.ms ?? 0) < ms) return;
    this.#dates.splice(index, 0, { ordinal, ms });
    if (this.#dates.length <= DATES_MAX) return;
    const now = this.#dates.at(-1)?.ms ?? ms;
    this.#dates.splice(sparest(this.#dates.map((date) => now - date.ms)), 1);
  }

  /** When the sample was taken, in milliseconds since 1970. */
  timeOf(ordinal: number): number {
    const dates = this.#dates;
    let low = 0;
    let high = dates.length - 1;
    // The first date that is not before it.
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((dates[middle]?.ordinal ?? 0) < ordinal) low = middle + 1;
      else high = middle;
    }
    const next = dates[low];
    const last = dates[low - 1];
    if (!next) return 0;
    if (!last || next.ordinal < ordinal) return next.ms;
    return last.ms + ((next.ms - last.ms) * (ordinal - last.ordinal)) / (next.ordinal - last.ordinal);
  }
}
