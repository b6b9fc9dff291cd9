import type { MetricFamily } from '../report/metrics.ts';

/** A process that was asked for its metrics; `undefined` when it did not answer. */
export interface ScrapedProcess {
  pid: number;
  name: string;
  metrics: readonly MetricFamily[] | undefined;
}

/** One exposition of several processes: each series has the pid and the name of its own. */
export function joinProcesses(processes: readonly ScrapedProcess[]): MetricFamily[] {
  const families = new Map<string, MetricFamily>();
  const up = gauge('memtool_up', 'Whether the process has answered.');
  for (const { pid, name, metrics } of processes) {
    const process = { pid: String(pid), name };
    up.samples.push({ labels: process, value: metrics === undefined ? 0 : 1 });
    for (const { samples, ...about } of metrics ?? []) {
      const family = families.get(about.name) ?? { ...about, samples: [] };
      families.set(about.name, family);
      // First and last: they come first, and no process speaks for another.
      for (const { labels, value } of samples)
        family.samples.push({ labels: { ...process, ...labels, ...process }, value });
    }
  }
  const count = gauge('memtool_processes', 'Processes with an agent that were found.');
  count.samples.push({ labels: {}, value: processes.length });
  return [count, ...(up.samples.length > 0 ? [up] : []), ...families.values()];
}

function gauge(name: string, help: string): MetricFamily {
  return { name, type: 'gauge', help, samples: [] };
}

/** What an exposition of one process says of it. */
export function describeProcess(metrics: readonly MetricFamily[]): {
  name: string | undefined;
  nodeVersion: string | null;
  uptimeSeconds: number;
} {
  const sampleOf = (name: string): MetricFamily['samples'][number] | undefined =>
    metrics.find((family) => family.name === name)?.samples[0];
  const info = sampleOf('memtool_info')?.labels;
  return {
    name: info?.['name'],
    nodeVersion: info?.['node'] ?? null,
    uptimeSeconds: sampleOf('memtool_process_uptime_seconds')?.value ?? 0,
  };
}
