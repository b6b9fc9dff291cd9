import type { ProcessStats } from '../report/stats.ts';

/** Of the Prometheus text exposition format. */
export const METRICS_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

type Labels = Record<string, string>;

/** One metric: a name, what it means, and its samples by labels. */
class Metric {
  readonly #header: string;
  readonly #name: string;
  readonly #samples = new Map<string, number>();

  constructor(name: string, type: 'gauge' | 'counter', help: string) {
    this.#name = name;
    this.#header = `# HELP ${name} ${escapeHelp(help)}\n# TYPE ${name} ${type}\n`;
  }

  /** The same labels twice are added up: two managers may have one name, and a scrape with doubles is refused whole. */
  add(value: number | null, labels: Labels = {}): this {
    if (value === null) return this;
    const text = Object.entries(labels)
      .map(([label, content]) => `${label}="${escapeLabel(content)}"`)
      .join(',');
    const key = text === '' ? '' : `{${text}}`;
    this.#samples.set(key, (this.#samples.get(key) ?? 0) + value);
    return this;
  }

  render(): string {
    if (this.#samples.size === 0) return '';
    return this.#header + [...this.#samples].map(([labels, value]) => `${this.#name}${labels} ${value}\n`).join('');
  }
}

const POOL_METRICS = [
  ['used_bytes', 'gauge', 'Sum of the live allocations and reservations.', 'usedBytes'],
  ['limit_bytes', 'gauge', 'What the pool may hold; absent without a limit.', 'limitBytes'],
  ['peak_bytes', 'gauge', 'The most that was used since the start.', 'peakBytes'],
  ['reserved_bytes', 'gauge', 'What is set aside to serve the used bytes.', 'reservedBytes'],
  ['live', 'gauge', 'Live allocations and reservations.', 'live'],
  ['oldest_age_seconds', 'gauge', 'Age of the oldest live allocation or reservation.', 'oldestAgeSeconds'],
  ['allocations_total', 'counter', 'Allocations and reservations granted.', 'allocations'],
  ['frees_total', 'counter', 'Allocations and reservations given back.', 'frees'],
  ['rejections_total', 'counter', 'Requests refused because of a limit.', 'rejections'],
] as const;

/** The figures of `stats` as Prometheus text. What could not be had is absent, as is its due. */
export function renderMetrics(stats: ProcessStats, cpuSeconds: number, memtoolVersion: string): string {
  const pools = stats.pools.filter(({ kind }) => kind === 'pool');
  const observed = stats.pools.filter(({ kind }) => kind === 'observed');
  const metrics: Metric[] = [];
  const metric = (name: string, type: 'gauge' | 'counter', help: string): Metric => {
    const made = new Metric(`memtool_${name}`, type, help);
    metrics.push(made);
    return made;
  };

  for (const [name, type, help, field] of POOL_METRICS) {
    const made = metric(`pool_${name}`, type, help);
    for (const pool of pools) made.add(pool[field], { manager: pool.manager ?? '', pool: pool.name });
  }
  const observedUsed = metric(
    'observed_used_bytes',
    'gauge',
    'What the application says of a pool that someone else manages.',
  );
  const observedLimit = metric('observed_limit_bytes', 'gauge', 'Its limit; absent without one.');
  for (const { manager, name, usedBytes, limitBytes } of observed) {
    observedUsed.add(usedBytes, { manager: manager ?? '', pool: name });
    observedLimit.add(limitBytes, { manager: manager ?? '', pool: name });
  }
  const managerUsed = metric('manager_used_bytes', 'gauge', 'Sum over the pools of the manager.');
  const managerLimit = metric('manager_limit_bytes', 'gauge', 'What the manager may hold; absent without a limit.');
  for (const { name, usedBytes, limitBytes } of stats.managers) {
    managerUsed.add(usedBytes, { manager: name });
    managerLimit.add(limitBytes, { manager: name });
  }
  // Not one by one: they come and go, and a series for each would have no bound.
  metric('scopes_open', 'gauge', 'Queries, transactions, users and procedures that are open.').add(
    stats.scopeCount ?? null,
  );
  metric('process_resident_bytes', 'gauge', 'Resident set of the whole process.').add(stats.rssBytes);
  metric('process_heap_used_bytes', 'gauge', 'Used part of the main V8 heap.').add(stats.heapUsedBytes);
  metric('process_heap_limit_bytes', 'gauge', 'Where V8 gives up.').add(stats.heapLimitBytes);
  metric('process_external_bytes', 'gauge', 'Memory outside the heap that its objects keep.').add(stats.externalBytes);
  metric('process_array_buffers_bytes', 'gauge', 'Array buffers, a part of external.').add(stats.arrayBuffersBytes);
  metric('process_cpu_seconds_total', 'counter', 'CPU time of the whole process, user and system.').add(cpuSeconds);
  metric('process_uptime_seconds', 'gauge', 'Since the process started.').add(stats.uptimeSeconds);
  metric('own_bytes', 'gauge', "memtool's own share: the agent's heap and the touched part of the ledgers.").add(
    stats.memtoolBytes,
  );
  metric('info', 'gauge', 'Always 1.').add(1, {
    name: stats.name,
    node: stats.nodeVersion ?? '',
    version: memtoolVersion,
  });
  return metrics.map((made) => made.render()).join('');
}

function escapeLabel(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

function escapeHelp(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}
