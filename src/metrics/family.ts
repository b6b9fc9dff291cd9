import type { MetricSample } from '../report/metrics.ts';

export type Labels = MetricSample['labels'];

/** What becomes of several samples with the same labels: two managers may have one name, and a scrape with doubles is refused whole. */
export type Merge =
  | 'sum'
  /** As `sum`, and unknown when one of them is: of limits, none is no limit. */
  | 'sum-of-all'
  | 'max'
  | 'min';

/** Of the samples of one metric: pools and the like are made up by the application, and a server keeps every series for long. */
export const SERIES_MAX = 1000;

/** The samples of one metric, each set of labels once. */
export class Samples {
  readonly #merge: Merge;
  readonly #byLabels = new Map<string, { labels: Labels; value: number | null }>();
  /** Sets of labels that there was no room for. */
  omitted = 0;

  constructor(merge: Merge) {
    this.#merge = merge;
  }

  /** @param value `null` when it is not known */
  add(labels: Labels, value: number | null): void {
    const key = JSON.stringify(Object.entries(labels));
    const found = this.#byLabels.get(key);
    if (found) found.value = this.#merged(found.value, value);
    else if (this.#byLabels.size < SERIES_MAX) this.#byLabels.set(key, { labels, value });
    else this.omitted += 1;
  }

  get known(): MetricSample[] {
    return [...this.#byLabels.values()].flatMap(({ labels, value }) =>
      value !== null && Number.isFinite(value) ? [{ labels, value }] : [],
    );
  }

  #merged(a: number | null, b: number | null): number | null {
    if (a === null || b === null) return this.#merge === 'sum-of-all' ? null : (a ?? b);
    switch (this.#merge) {
      case 'sum':
      case 'sum-of-all':
        return a + b;
      case 'max':
        return Math.max(a, b);
      case 'min':
        return Math.min(a, b);
    }
  }
}
