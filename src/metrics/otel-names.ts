/**
 * What the metrics of the table are called in OpenTelemetry, by its guidelines (semantic conventions 1.45, "Metrics"): dots, no
 * unit in a name, `usage` of a `limit`, and up-down counters for what can be added up.
 */
export interface OtelName {
  name: string;
  /** UCUM. */
  unit: string;
  instrument: 'counter' | 'up-down-counter' | 'gauge';
}

const counter = (name: string, unit: string): OtelName => ({ name, unit, instrument: 'counter' });
const sum = (name: string, unit: string): OtelName => ({ name, unit, instrument: 'up-down-counter' });
const gauge = (name: string, unit: string): OtelName => ({ name, unit, instrument: 'gauge' });

/** Not here is what has a name in the conventions: `process.*` and `v8js.*`; and what is about the scrape itself. */
export const OTEL_NAMES: Readonly<Record<string, OtelName>> = {
  memtool_pool_used_bytes: sum('memtool.pool.usage', 'By'),
  memtool_pool_limit_bytes: sum('memtool.pool.limit', 'By'),
  memtool_pool_peak_bytes: gauge('memtool.pool.peak', 'By'),
  memtool_pool_reserved_bytes: sum('memtool.pool.reserved', 'By'),
  memtool_pool_live: sum('memtool.pool.live', '{allocation}'),
  memtool_pool_oldest_age_seconds: gauge('memtool.pool.oldest_age', 's'),
  memtool_pool_allocations_total: counter('memtool.pool.allocations', '{allocation}'),
  memtool_pool_frees_total: counter('memtool.pool.frees', '{allocation}'),
  memtool_pool_rejections_total: counter('memtool.pool.rejections', '{request}'),
  memtool_pool_level: gauge('memtool.pool.level', '1'),
  memtool_pool_seconds_to_limit: gauge('memtool.pool.time_to_limit', 's'),
  memtool_pool_lost_released_total: counter('memtool.pool.lost_released.count', '{allocation}'),
  memtool_pool_lost_released_bytes_total: counter('memtool.pool.lost_released.size', 'By'),
  memtool_observed_used_bytes: sum('memtool.observed.usage', 'By'),
  memtool_observed_limit_bytes: sum('memtool.observed.limit', 'By'),
  memtool_observed_level: gauge('memtool.observed.level', '1'),
  memtool_observed_seconds_to_limit: gauge('memtool.observed.time_to_limit', 's'),
  memtool_cache_used_bytes: sum('memtool.cache.usage', 'By'),
  memtool_cache_limit_bytes: sum('memtool.cache.limit', 'By'),
  memtool_cache_saved_bytes: sum('memtool.cache.saved', 'By'),
  memtool_cache_entries: sum('memtool.cache.entries', '{entry}'),
  memtool_cache_hits_total: counter('memtool.cache.hits', '{lookup}'),
  memtool_cache_misses_total: counter('memtool.cache.misses', '{lookup}'),
  memtool_cache_evictions_total: counter('memtool.cache.evictions', '{entry}'),
  memtool_cache_refusals_total: counter('memtool.cache.refusals', '{entry}'),
  memtool_manager_used_bytes: sum('memtool.manager.usage', 'By'),
  memtool_manager_limit_bytes: sum('memtool.manager.limit', 'By'),
  memtool_manager_level: gauge('memtool.manager.level', '1'),
  memtool_manager_seconds_to_limit: gauge('memtool.manager.time_to_limit', 's'),
  memtool_leak_bytes: sum('memtool.leak.size', 'By'),
  memtool_leaks: sum('memtool.leak.count', '{allocation}'),
  memtool_level: gauge('memtool.level', '1'),
  memtool_scopes_open: sum('memtool.scope.count', '{scope}'),
  memtool_scopes_near_limit: sum('memtool.scope.near_limit', '{scope}'),
  memtool_scopes_used_bytes: sum('memtool.scope.usage', 'By'),
  memtool_process_heap_used_bytes: sum('memtool.heap.usage', 'By'),
  memtool_process_heap_limit_bytes: sum('memtool.heap.limit', 'By'),
  memtool_process_heap_seconds_to_limit: gauge('memtool.heap.time_to_limit', 's'),
  memtool_process_external_bytes: sum('memtool.external.usage', 'By'),
  memtool_process_array_buffers_bytes: sum('memtool.array_buffers.usage', 'By'),
  memtool_container_used_bytes: sum('memtool.container.usage', 'By'),
  memtool_container_limit_bytes: sum('memtool.container.limit', 'By'),
};
