import { RECORDING_COLUMNS, type Sample } from './format.ts';

/** A program that makes pools without end does not make lines without end. */
const COLUMNS_MAX = 500;

/** The columns of a recording: what has had a figure once keeps its place. */
export class ColumnSet {
  readonly #names: string[];
  readonly #known: Set<string>;
  /** Whether there was more than there is room for. */
  isFull = false;

  /** @param names - Those of the recording that is gone on with. */
  constructor(names: readonly string[] = []) {
    this.#names = names.length > 0 ? [...names] : [...RECORDING_COLUMNS];
    this.#known = new Set(this.#names);
  }

  get names(): readonly string[] {
    return this.#names;
  }

  /** The figures in the order of the columns, which are more now if there are new ones. */
  order(figures: ReadonlyMap<string, number | null>): Sample {
    for (const name of figures.keys()) {
      if (this.#known.has(name)) continue;
      this.isFull ||= this.#names.length >= COLUMNS_MAX;
      if (this.isFull) continue;
      this.#names.push(name);
      this.#known.add(name);
    }
    return this.#names.map((name) => figures.get(name) ?? null);
  }
}
