import type { Document, ProcessIdentity } from './document.ts';

export interface MetricSample {
  labels: Readonly<Record<string, string>>;
  value: number;
}

/** A metric with its samples, as one scrape has them. */
export interface MetricFamily {
  name: string;
  type: 'gauge' | 'counter';
  help: string;
  samples: MetricSample[];
}

export interface ProcessMetrics extends ProcessIdentity {
  metrics: MetricFamily[];
}

/** Without `--listen`; with it, one object with `url` and no processes is printed when it is ready. */
export type MetricsReport = Document<'metrics', ProcessMetrics> & { url?: string };
