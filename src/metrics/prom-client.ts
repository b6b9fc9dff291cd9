/** `memtool/prom-client`: the figures of memtool in the registry that an application has already. */
import { Counter, Gauge, type Registry, type RegistryContentType } from 'prom-client';
import type { RegisteredManager } from '../memory/registry.ts';
import type { MetricSample } from '../report/metrics.ts';
import { LocalFacts } from './local-facts.ts';
import { METRICS, samplesOf, type Metric } from './table.ts';

export interface RegisterMetricsOptions {
  /** Only this manager; without it, all managers of the thread. */
  memory?: RegisteredManager;
}

/**
 * Adds memtool's metrics to a registry, under the names and labels of the agent's own `GET /metrics`. They are read when the
 * registry is: nothing is done between two scrapes, but a look at the pools every five seconds, which tells how fast they grow.
 *
 * @returns how to take them out again
 * @throws when the registry has one of them already
 */
export function registerMetrics(
  registry: Registry<RegistryContentType>,
  { memory }: RegisterMetricsOptions = {},
): () => void {
  const facts = new LocalFacts(memory);
  const added: string[] = [];
  const remove = (): void => {
    facts.close();
    for (const name of added) registry.removeSingleMetric(name);
  };
  try {
    for (const metric of METRICS) {
      add(registry, metric, async () => samplesOf(metric, await facts.read()).known);
      added.push(metric.name);
    }
  } catch (error) {
    remove();
    throw error;
  }
  return remove;
}

function add(registry: Registry<RegistryContentType>, metric: Metric, read: () => Promise<MetricSample[]>): void {
  const { name, help, type } = metric;
  const config = { name, help, labelNames: [...metric.labelNames], registers: [registry] };
  if (type === 'counter') {
    void new Counter({
      ...config,
      async collect() {
        const samples = await read();
        this.reset();
        for (const { labels, value } of samples) this.inc(labels, value);
      },
    });
    return;
  }
  void new Gauge({
    ...config,
    async collect() {
      const samples = await read();
      this.reset();
      // One without labels is 0 from then on, and what is not known is to be absent.
      if (metric.labelNames.length === 0) this.remove();
      for (const { labels, value } of samples) this.set(labels, value);
    },
  });
}
