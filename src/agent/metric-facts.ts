import type { MetricFacts } from '../metrics/facts.ts';
import { LEDGER_LEAKS, releasedOfAll } from '../metrics/leak-series.ts';
import type { ProcessIdentity, Unavailable } from '../report/document.ts';
import type { Leak } from '../report/leaks.ts';
import { levelAt, worstLevel } from '../report/level.ts';
import { secondsToLimit } from '../statistics/growth.ts';
import type { SeriesKey } from './history.ts';
import type { MainMemory } from './messages.ts';
import type { Observed } from './observed.ts';
import { agentBytes } from './probes/agent.ts';
import type { ReportSources } from './reports.ts';

export interface MetricReadings {
  identity: ProcessIdentity;
  /** `undefined` while the main thread cannot be asked. */
  memory: MainMemory | undefined;
  observed: Observed;
  /** Of the last reading of the heap that somebody has asked for: a scrape never reads it. */
  heapLeaks: { leaks: Leak[]; readAtSeconds: number } | undefined;
}

/** What `GET /metrics` tells. It is asked for by the clock: the workers of the application are left alone. */
export function metricFacts(sources: ReportSources, readings: MetricReadings): MetricFacts {
  const { managers, history, process: probe, memtoolVersion } = sources;
  const { identity, memory, observed, heapLeaks } = readings;
  const unreadable: Unavailable = {};
  const withTime = <Row extends { usedBytes: number; limitBytes: number | null }>(
    row: Row,
    series: SeriesKey,
  ): Row & { secondsToLimit: number | null } => ({
    ...row,
    secondsToLimit: secondsToLimit(history.growth(series), row.usedBytes, row.limitBytes),
  });
  const ledgers = managers.stats(unreadable);
  const scopes = managers.scopes({ count: 0, sort: 'used' }, unreadable);
  const near = managers.scopesNearLimit(1, unreadable);
  const container = sources.blackBox.containerUsage() ?? null;
  const heap =
    memory === undefined
      ? undefined
      : { usedBytes: memory.heapUsedBytes, limitBytes: memory.heapLimitBytes, series: ['heap'] as const };
  return {
    name: identity.name,
    nodeVersion: identity.nodeVersion,
    memtoolVersion,
    uptimeSeconds: identity.uptimeSeconds,
    cpuSeconds: probe.cpuSeconds(),
    rssBytes: probe.rssBytes(),
    heapUsedBytes: memory?.heapUsedBytes ?? null,
    heapLimitBytes: memory?.heapLimitBytes ?? sources.heapLimitBytes,
    heapSecondsToLimit: heap ? withTime(heap, heap.series).secondsToLimit : null,
    externalBytes: memory?.externalBytes ?? null,
    arrayBuffersBytes: memory?.arrayBuffersBytes ?? null,
    memtoolBytes: agentBytes() + managers.touchedBytes(),
    spaces: (memory?.spaces ?? []).map(({ name, usedBytes, reservedBytes }) => ({
      name,
      usedBytes,
      committedBytes: reservedBytes,
    })),
    level: worstLevel([
      ...ledgers.flatMap(({ manager, pools }) => [manager, ...pools]),
      ...observed.pools.map(({ pool }) => pool),
      ...near.scopes,
      ...(heap ? [{ level: history.level(heap.series, heap.usedBytes, heap.limitBytes) }] : []),
      ...(container ? [{ level: levelAt((container.usedBytes / container.limitBytes) * 100) }] : []),
    ]),
    managers: ledgers.map(({ ledgerId, manager }) => withTime(manager, ['manager', ledgerId])),
    pools: ledgers.flatMap(({ ledgerId, pools }) => pools.map((pool) => withTime(pool, ['pool', ledgerId, pool.name]))),
    observed: observed.pools.map(({ series, pool }) => withTime(pool, series)),
    caches: observed.caches,
    scopes: { count: scopes.count, nearLimit: near.count, usedBytes: scopes.usedBytes },
    leaks: [
      ...(ledgers.length > 0 ? LEDGER_LEAKS : []),
      // No record is older than that: what is left is lost or orphaned.
      ...managers.read((reader) => reader.leaks(Infinity), unreadable).flat(),
      ...(heapLeaks?.leaks ?? []),
    ],
    released: releasedOfAll(
      ledgers.flatMap(({ pools }) => pools),
      managers.read((reader) => reader.released(), unreadable).flat(),
    ),
    heapReadAtSeconds: heapLeaks?.readAtSeconds ?? null,
    container,
  };
}
