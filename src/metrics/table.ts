/**
 * Every metric that memtool has, by whichever way it goes out: the agent's `GET /metrics`, prom-client's registry and
 * OpenTelemetry's metrics API. Names and labels of the first two are the same, so that one dashboard serves both.
 */
import { LEVELS, type Level } from '../report/level.ts';
import type { MetricFamily } from '../report/metrics.ts';
import type { MetricFacts } from './facts.ts';
import { Samples, type Labels, type Merge } from './family.ts';

type MetricType = MetricFamily['type'];

export interface Metric {
  name: string;
  type: MetricType;
  help: string;
  merge: Merge;
  labelNames: readonly string[];
  read: (facts: MetricFacts, add: Add) => void;
}

type Add = (value: number | null, labels?: Labels) => void;

type Define<Row> = (
  name: string,
  type: MetricType,
  help: string,
  value: (row: Row) => number | null,
  merge?: Merge,
) => Metric;

/** Of each element of a list, a figure: `null` is not known. */
function each<Row>(
  rows: (facts: MetricFacts) => readonly Row[],
  labelsOf: (row: Row) => Labels,
  labelNames: string[],
): Define<Row> {
  return (name, type, help, value, merge = 'sum') => ({
    name: `memtool_${name}`,
    type,
    help,
    merge,
    labelNames,
    read: (facts, add) => {
      for (const row of rows(facts)) add(value(row), labelsOf(row));
    },
  });
}

const ofPool = ({ manager, name }: { manager: string | null; name: string }): Labels => ({
  manager: manager ?? '',
  pool: name,
});

const pool = each(({ pools }) => pools, ofPool, ['manager', 'pool']);
const observed = each((facts) => facts.observed, ofPool, ['manager', 'pool']);
const released = each(
  (facts) => facts.released,
  (row) => ofPool({ ...row, name: row.pool }),
  ['manager', 'pool'],
);
const cache = each(
  ({ caches }) => caches,
  (row) => ({ ...ofPool({ ...row, name: row.pool }), cache: row.name }),
  ['manager', 'pool', 'cache'],
);
const manager = each(
  ({ managers }) => managers,
  ({ name }) => ({ manager: name }),
  ['manager'],
);
const space = each(
  ({ spaces }) => spaces,
  ({ name }) => ({ space: name }),
  ['space'],
);
const leak = each(
  ({ leaks }) => leaks,
  ({ verdict, kind, source }) => ({ verdict, kind, source }),
  ['verdict', 'kind', 'source'],
);
const one = each(
  (facts) => [facts],
  () => ({}),
  [],
);
const info = each(
  (facts) => [facts],
  ({ name, nodeVersion, memtoolVersion }) => ({ name, node: nodeVersion ?? '', version: memtoolVersion }),
  ['name', 'node', 'version'],
);

const LEVEL = '0 normal, 1 warning, 2 critical.';
const TIME = 'Until the limit is reached at the growth of the last minute; absent when that is not known.';
const levelOf = ({ level }: { level: Level }): number => LEVELS.indexOf(level);
const timeOf = ({ secondsToLimit }: { secondsToLimit: number | null }): number | null => secondsToLimit;

export const METRICS: readonly Metric[] = [
  pool('pool_used_bytes', 'gauge', 'Sum of the live allocations and reservations.', (row) => row.usedBytes),
  pool(
    'pool_limit_bytes',
    'gauge',
    'What the pool may hold; absent without a limit.',
    (row) => row.limitBytes,
    'sum-of-all',
  ),
  pool('pool_peak_bytes', 'gauge', 'The most that was used since the start.', (row) => row.peakBytes),
  pool('pool_reserved_bytes', 'gauge', 'What is set aside to serve the used bytes.', (row) => row.reservedBytes),
  pool('pool_live', 'gauge', 'Live allocations and reservations.', (row) => row.live),
  pool(
    'pool_oldest_age_seconds',
    'gauge',
    'Age of the oldest live allocation or reservation.',
    (row) => row.oldestAgeSeconds,
    'max',
  ),
  pool('pool_allocations_total', 'counter', 'Allocations and reservations granted.', (row) => row.allocations),
  pool('pool_frees_total', 'counter', 'Allocations and reservations given back.', (row) => row.frees),
  pool('pool_rejections_total', 'counter', 'Requests refused because of a limit.', (row) => row.rejections),
  pool('pool_level', 'gauge', LEVEL, levelOf, 'max'),
  pool('pool_seconds_to_limit', 'gauge', TIME, timeOf, 'min'),
  released(
    'pool_lost_released_total',
    'counter',
    'What was lost and has been released since: how many.',
    (row) => row.count,
  ),
  released(
    'pool_lost_released_bytes_total',
    'counter',
    'What was lost and has been released since.',
    (row) => row.bytes,
  ),
  observed(
    'observed_used_bytes',
    'gauge',
    'What the application says of a pool that someone else manages.',
    (row) => row.usedBytes,
  ),
  observed('observed_limit_bytes', 'gauge', 'Its limit; absent without one.', (row) => row.limitBytes, 'sum-of-all'),
  observed('observed_level', 'gauge', LEVEL, levelOf, 'max'),
  observed('observed_seconds_to_limit', 'gauge', TIME, timeOf, 'min'),
  cache('cache_used_bytes', 'gauge', 'What a BoundedCache holds, of its pool.', (row) => row.usedBytes),
  cache('cache_limit_bytes', 'gauge', 'The most that it may hold.', (row) => row.maxBytes),
  cache('cache_saved_bytes', 'gauge', 'What its compressed entries would take more.', (row) => row.savedBytes),
  cache('cache_entries', 'gauge', 'Entries of the cache.', (row) => row.entries),
  cache('cache_hits_total', 'counter', 'Lookups that found something.', (row) => row.hits),
  cache('cache_misses_total', 'counter', 'Lookups that found nothing.', (row) => row.misses),
  cache('cache_evictions_total', 'counter', 'Entries that made room for others.', (row) => row.evictions),
  cache('cache_refusals_total', 'counter', 'Entries that there was no room for.', (row) => row.refusals),
  manager('manager_used_bytes', 'gauge', 'Sum over the pools of the manager.', (row) => row.usedBytes),
  manager(
    'manager_limit_bytes',
    'gauge',
    'What the manager may hold; absent without a limit.',
    (row) => row.limitBytes,
    'sum-of-all',
  ),
  manager('manager_level', 'gauge', LEVEL, levelOf, 'max'),
  manager('manager_seconds_to_limit', 'gauge', TIME, timeOf, 'min'),
  leak(
    'leak_bytes',
    'gauge',
    'What is held and should not be; of the heap and of buffers, as the last reading that somebody asked for has it.',
    (row) => row.bytes,
  ),
  leak('leaks', 'gauge', 'How many that are; of the heap and of buffers, samples.', (row) => row.count),
  one(
    'heap_read_timestamp_seconds',
    'gauge',
    'When somebody last had the heap read for its leaks; absent before.',
    (facts) => facts.heapReadAtSeconds,
  ),
  one('level', 'gauge', `The worst of all limits: ${LEVEL}`, levelOf),
  one(
    'scopes_open',
    'gauge',
    'Queries, transactions, users and procedures that are open.',
    ({ scopes }) => scopes.count,
  ),
  one('scopes_near_limit', 'gauge', 'Those of them that are at warning or above.', ({ scopes }) => scopes.nearLimit),
  one(
    'scopes_used_bytes',
    'gauge',
    'What they hold together; what is in several is counted once.',
    ({ scopes }) => scopes.usedBytes,
  ),
  one('process_resident_bytes', 'gauge', 'Resident set of the whole process.', (facts) => facts.rssBytes),
  one('process_heap_used_bytes', 'gauge', 'Used part of the main V8 heap.', (facts) => facts.heapUsedBytes),
  one('process_heap_limit_bytes', 'gauge', 'Where V8 gives up.', (facts) => facts.heapLimitBytes),
  one('process_heap_seconds_to_limit', 'gauge', TIME, (facts) => facts.heapSecondsToLimit),
  space('heap_space_used_bytes', 'gauge', 'Used part of a space of the main V8 heap.', (row) => row.usedBytes),
  space(
    'heap_space_committed_bytes',
    'gauge',
    'Of its pages, those that the system has given memory to.',
    (row) => row.committedBytes,
  ),
  one(
    'process_external_bytes',
    'gauge',
    'Memory outside the heap that its objects keep.',
    (facts) => facts.externalBytes,
  ),
  one('process_array_buffers_bytes', 'gauge', 'Array buffers, a part of external.', (facts) => facts.arrayBuffersBytes),
  one(
    'process_cpu_seconds_total',
    'counter',
    'CPU time of the whole process, user and system.',
    (facts) => facts.cpuSeconds,
  ),
  one('process_uptime_seconds', 'gauge', 'Since the process started.', (facts) => facts.uptimeSeconds),
  one(
    'container_used_bytes',
    'gauge',
    'Of the control group nearest to its limit; absent without one.',
    ({ container }) => container?.usedBytes ?? null,
  ),
  one('container_limit_bytes', 'gauge', 'Its limit.', ({ container }) => container?.limitBytes ?? null),
  one(
    'own_bytes',
    'gauge',
    "memtool's own share: the agent's heap and the touched part of the ledgers.",
    (facts) => facts.memtoolBytes,
  ),
  info('info', 'gauge', 'Always 1.', () => 1, 'max'),
];

/** Those that have samples; last, how many there was no room for. */
export function readFamilies(facts: MetricFacts): MetricFamily[] {
  let omitted = 0;
  const families = METRICS.map((metric): MetricFamily => {
    const samples = samplesOf(metric, facts);
    omitted += samples.omitted;
    const { name, type, help } = metric;
    return { name, type, help, samples: samples.known };
  });
  return [...families.filter(({ samples }) => samples.length > 0), ...(omitted > 0 ? [omittedFamily(omitted)] : [])];
}

export function samplesOf({ merge, read }: Metric, facts: MetricFacts): Samples {
  const samples = new Samples(merge);
  read(facts, (value, labels = {}) => samples.add(labels, value));
  return samples;
}

function omittedFamily(omitted: number): MetricFamily {
  return {
    name: 'memtool_series_omitted',
    type: 'gauge',
    help: 'Series that were left out because a metric would have too many.',
    samples: [{ labels: {}, value: omitted }],
  };
}
