import { withName } from './expression.ts';

interface Query {
  expr: string;
  legend: string;
  /** A line to be measured against: drawn with dashes. */
  isLimit?: boolean;
}

export interface Panel {
  title: string;
  description: string;
  kind: 'stat' | 'timeseries';
  unit: string;
  width: number;
  height: number;
  queries: Query[];
  /** Where a figure turns yellow and red. */
  thresholds?: [warning: number, critical: number];
  max?: number;
  stacked?: boolean;
}

const ofPools = (expression: string): string => withName(expression, '{name=~"$name"}');
const pools = '{pool=~"$pool"}';

/** `a / b`, as one factor. */
function share(used: string, limit: string): string {
  return ofPools(`(${used} / ${limit})`);
}

function stat(title: string, unit: string, description: string, expr: string, thresholds?: [number, number]): Panel {
  const queries = [{ expr, legend: title }];
  return { title, description, kind: 'stat', unit, width: 4, height: 4, queries, ...(thresholds && { thresholds }) };
}

function series(title: string, unit: string, description: string, queries: Query[], rest: Partial<Panel> = {}): Panel {
  return { title, description, kind: 'timeseries', unit, width: 12, height: 8, queries, ...rest };
}

export const PANELS: readonly Panel[] = [
  stat(
    'Processes',
    'short',
    'With an agent, or with the library in their registry.',
    'count(memtool_info{name=~"$name"})',
  ),
  stat(
    'Worst level',
    'none',
    'Of all limits: 0 normal, 1 warning, 2 critical.',
    `max(${ofPools('memtool_level')})`,
    [1, 2],
  ),
  stat('In pools', 'bytes', 'What the pools hold.', `sum(${ofPools(`memtool_pool_used_bytes${pools}`)})`),
  stat(
    'Leaked',
    'bytes',
    'Of pools, what is lost or orphaned; of the heap, what the last reading that was asked for calls a leak.',
    `sum(${ofPools('memtool_leak_bytes{verdict="leak"}')})`,
    [1, 1024 ** 3],
  ),
  stat(
    'Refused',
    'reqps',
    'Requests that a limit has refused, a second.',
    `sum(${ofPools(`rate(memtool_pool_rejections_total${pools}[$__rate_interval])`)})`,
    [0.001, 1],
  ),
  stat(
    'Shortest time to limit',
    's',
    'At the growth of the last minute; nothing while no pool grows towards its limit.',
    `min(${ofPools(`memtool_pool_seconds_to_limit${pools}`)})`,
  ),
  series('Pools against their limits', 'bytes', 'Next: memtool stats.', [
    { expr: ofPools(`memtool_pool_used_bytes${pools}`), legend: '{{name}} {{pid}} {{pool}}' },
    { expr: ofPools(`memtool_pool_limit_bytes${pools}`), legend: '{{name}} {{pid}} {{pool}} limit', isLimit: true },
  ]),
  series(
    'Pressure',
    'percentunit',
    'Used share of each limit. Next: memtool pressure.',
    [
      {
        expr: share(`memtool_pool_used_bytes${pools}`, `memtool_pool_limit_bytes${pools}`),
        legend: '{{name}} {{pid}} {{pool}}',
      },
      {
        expr: share('memtool_manager_used_bytes', 'memtool_manager_limit_bytes'),
        legend: '{{name}} {{pid}} manager {{manager}}',
      },
      {
        expr: share('memtool_observed_used_bytes', 'memtool_observed_limit_bytes'),
        legend: '{{name}} {{pid}} observed {{pool}}',
      },
      {
        expr: share('memtool_process_heap_used_bytes', 'memtool_process_heap_limit_bytes'),
        legend: '{{name}} {{pid}} heap',
      },
      {
        expr: share('memtool_container_used_bytes', 'memtool_container_limit_bytes'),
        legend: '{{name}} {{pid}} container',
      },
    ],
    { thresholds: [0.8, 0.95], max: 1 },
  ),
  series(
    'Time to limit',
    's',
    'At the growth of the last minute; what does not grow has none. Next: memtool pressure.',
    [
      { expr: ofPools(`memtool_pool_seconds_to_limit${pools}`), legend: '{{name}} {{pid}} {{pool}}' },
      { expr: ofPools('memtool_manager_seconds_to_limit'), legend: '{{name}} {{pid}} manager {{manager}}' },
      { expr: ofPools('memtool_observed_seconds_to_limit'), legend: '{{name}} {{pid}} observed {{pool}}' },
      { expr: ofPools('memtool_process_heap_seconds_to_limit'), legend: '{{name}} {{pid}} heap' },
    ],
  ),
  series(
    'Leaks by verdict',
    'bytes',
    'Of the heap and of buffers, as of the last reading that somebody asked for. Next: memtool leaks.',
    [
      { expr: ofPools('memtool_leak_bytes'), legend: '{{name}} {{pid}} {{verdict}}: {{kind}}, {{source}}' },
      {
        expr: ofPools('increase(memtool_pool_lost_released_bytes_total[$__rate_interval])'),
        legend: '{{name}} {{pid}} {{pool}} lost and released',
      },
    ],
  ),
  series(
    'Cache hits',
    'percentunit',
    'Share of the lookups of each BoundedCache that found something. Next: memtool stats.',
    [
      {
        expr: ofPools(
          `(rate(memtool_cache_hits_total${pools}[$__rate_interval]) / (rate(memtool_cache_hits_total${pools}[$__rate_interval]) + rate(memtool_cache_misses_total${pools}[$__rate_interval])))`,
        ),
        legend: '{{name}} {{pid}} {{pool}} {{cache}}',
      },
    ],
    { max: 1 },
  ),
  series('Refusals', 'reqps', 'Requests that a limit has refused, a second. Next: memtool stats --scopes.', [
    {
      expr: ofPools(`rate(memtool_pool_rejections_total${pools}[$__rate_interval])`),
      legend: '{{name}} {{pid}} {{pool}}',
    },
  ]),
  series(
    'Scopes',
    'short',
    'Queries, transactions, users and procedures that are open. Next: memtool stats --scopes.',
    [
      { expr: ofPools('memtool_scopes_open'), legend: '{{name}} {{pid}} open' },
      { expr: ofPools('memtool_scopes_near_limit'), legend: '{{name}} {{pid}} near their limit' },
    ],
  ),
  series('V8 heap', 'bytes', 'Of the main thread. Next: memtool leaks, memtool profile.', [
    { expr: ofPools('memtool_process_heap_used_bytes'), legend: '{{name}} {{pid}} used' },
    { expr: ofPools('memtool_process_heap_limit_bytes'), legend: '{{name}} {{pid}} limit', isLimit: true },
  ]),
  series(
    'Heap spaces',
    'bytes',
    'Used part of each space of the heap.',
    [{ expr: ofPools('memtool_heap_space_used_bytes'), legend: '{{name}} {{pid}} {{space}}' }],
    { stacked: true },
  ),
  series(
    'Resident memory',
    'bytes',
    'Of the whole process, and what is outside the heap. Next: memtool stats, where RSS goes.',
    [
      { expr: ofPools('memtool_process_resident_bytes'), legend: '{{name}} {{pid}} RSS' },
      { expr: ofPools('memtool_process_external_bytes'), legend: '{{name}} {{pid}} external' },
      { expr: ofPools('memtool_process_array_buffers_bytes'), legend: '{{name}} {{pid}} array buffers' },
      { expr: ofPools('memtool_container_limit_bytes'), legend: '{{name}} {{pid}} container limit', isLimit: true },
    ],
  ),
  series('CPU', 'percentunit', 'Of one core.', [
    { expr: ofPools('rate(memtool_process_cpu_seconds_total[$__rate_interval])'), legend: '{{name}} {{pid}}' },
  ]),
  series('Taken', 'ops', 'Allocations and reservations granted, a second.', [
    {
      expr: ofPools(`rate(memtool_pool_allocations_total${pools}[$__rate_interval])`),
      legend: '{{name}} {{pid}} {{pool}}',
    },
  ]),
  series('Oldest', 's', 'Age of the oldest that is held in each pool.', [
    { expr: ofPools(`memtool_pool_oldest_age_seconds${pools}`), legend: '{{name}} {{pid}} {{pool}}' },
  ]),
];
