import type { Sample } from './format.ts';

/** More are thinned: 20 columns of so many take 32 MB. */
const ROWS_MAX = 200_000;
const ROWS_FIRST = 4096;
/** Pools come and go; a recording of more is of names that are never the same twice. */
const COLUMNS_MAX = 2000;
const TIME = 't';

/** The samples of a recording by column, in the order of their times; NaN where a figure is not known. */
export class SampleTable {
  #columns: readonly string[] = [];
  /** Of the columns that hold now, in their order; `undefined` where there are too many. */
  #targets: (Float64Array | undefined)[] = [];
  readonly #figures = new Map<string, Float64Array>();
  #capacity = ROWS_FIRST;
  #count = 0;
  #keepEvery = 1;
  #skipped = 0;
  #lastMs = -Infinity;

  /** Of the samples that are pushed next. */
  get columns(): readonly string[] {
    return this.#columns;
  }

  set columns(columns: readonly string[]) {
    this.#columns = columns;
    for (const column of columns) {
      if (this.#figures.has(column) || this.#figures.size >= COLUMNS_MAX) continue;
      this.#figures.set(column, new Float64Array(this.#capacity).fill(NaN));
    }
    this.#findTargets();
  }

  /** Samples that are here. */
  get count(): number {
    return this.#count;
  }

  /** Of the samples of the file, one in this many is here. */
  get keepEvery(): number {
    return this.#keepEvery;
  }

  /** All that were ever there, as they came first. */
  get names(): string[] {
    return [...this.#figures.keys()];
  }

  /** @returns As many as there are samples; all NaN for a column that was never there. */
  figures(column: string): Float64Array {
    return this.#figures.get(column)?.subarray(0, this.#count) ?? new Float64Array(this.#count).fill(NaN);
  }

  /** Milliseconds since the recording began. */
  get timesMs(): Float64Array {
    return this.figures(TIME);
  }

  /** A sample without a time, or one from before the last, is left out. */
  push(sample: Sample): void {
    const ms = sample[this.#columns.indexOf(TIME)];
    if (typeof ms !== 'number' || ms < this.#lastMs) return;
    this.#skipped += 1;
    if (this.#skipped < this.#keepEvery) return;
    this.#skipped = 0;
    if (this.#count === ROWS_MAX) {
      // The last one stays: this one is only half of the way from it that there is now between two.
      this.#skipped = this.#keepEvery;
      this.#thin();
      return;
    }
    this.#lastMs = ms;
    if (this.#count === this.#capacity) this.#grow();
    for (const [index, figure] of sample.entries()) {
      const target = this.#targets[index];
      if (target && figure !== null) target[this.#count] = figure;
    }
    this.#count += 1;
  }

  #findTargets(): void {
    this.#targets = this.#columns.map((column) => this.#figures.get(column));
  }

  #grow(): void {
    this.#capacity = Math.min(ROWS_MAX, this.#capacity * 2);
    for (const [column, figures] of this.#figures) {
      const larger = new Float64Array(this.#capacity).fill(NaN);
      larger.set(figures);
      this.#figures.set(column, larger);
    }
    this.#findTargets();
  }

  /** Every second goes, and every second of what is still to come. */
  #thin(): void {
    const kept = Math.floor(this.#count / 2);
    for (const figures of this.#figures.values()) {
      for (let row = 0; row < kept; row += 1) figures[row] = figures[row * 2 + 1] ?? NaN;
      figures.fill(NaN, kept);
    }
    this.#count = kept;
    this.#keepEvery *= 2;
  }
}
