import { expect, test } from 'vitest';
import { SERIES_MAX } from '../../src/metrics/family.ts';
import type { MetricFacts } from '../../src/metrics/facts.ts';
import { OTEL_NAMES } from '../../src/metrics/otel-names.ts';
import { METRICS, readFamilies } from '../../src/metrics/table.ts';
import { renderText } from '../../src/metrics/text.ts';
import { FACTS, POOL } from './facts.ts';

function text(facts: Partial<MetricFacts> = {}): string {
  return renderText(readFamilies({ ...FACTS, ...facts }));
}

test('each metric has its HELP and TYPE once, and no line is anything else than the format allows', () => {
  const lines = text({ pools: [POOL, { ...POOL, name: 'temp', limitBytes: null }] }).split('\n');
  expect(lines.pop()).toBe('');
  for (const line of lines) {
    expect(line).toMatch(
      /^(# HELP [a-z_]+ .+|# TYPE [a-z_]+ (gauge|counter)|[a-z_]+(\{([a-z]+="[^"]*",?)+\})? [0-9.e+]+)$/,
    );
  }
  const helps = lines.filter((line) => line.startsWith('# HELP')).map((line) => line.split(' ')[2]);
  expect(new Set(helps).size).toBe(helps.length);
  expect(lines.join('\n')).toContain(
    '# TYPE memtool_pool_allocations_total counter\nmemtool_pool_allocations_total{manager="orders",pool="cache"} 4\n',
  );
  expect(lines).toContain('memtool_process_cpu_seconds_total 1.5');
});

test('what is not known is absent', () => {
  const found = text({ pools: [{ ...POOL, limitBytes: null }] });
  expect(found).not.toContain('memtool_pool_limit_bytes');
  expect(found).not.toContain('memtool_pool_seconds_to_limit');
  expect(found).not.toContain('memtool_process_heap_used_bytes');
  expect(found).not.toContain('memtool_container');
  expect(found).not.toContain('memtool_heap_read_timestamp_seconds');
  expect(found).not.toMatch(/null|NaN|Infinity/);
});

test('levels are numbers that rise, and the time to a limit is in seconds', () => {
  const found = text({
    level: 'critical',
    pools: [{ ...POOL, level: 'warning', secondsToLimit: 90.5 }],
    heapSecondsToLimit: 3600,
  });
  expect(found).toContain('memtool_level 2\n');
  expect(found).toContain('memtool_pool_level{manager="orders",pool="cache"} 1\n');
  expect(found).toContain('memtool_pool_seconds_to_limit{manager="orders",pool="cache"} 90.5\n');
  expect(found).toContain('memtool_process_heap_seconds_to_limit 3600\n');
});

test('a cache is told by its name and pool, and its lookups can be made a rate', () => {
  const cache = {
    manager: 'orders',
    pool: 'cache',
    name: 'pages',
    entries: 3,
    maxEntries: 10,
    usedBytes: 300,
    maxBytes: 1000,
    hits: 8,
    misses: 2,
    hitPercent: 80,
    evictions: 4,
    refusals: 1,
    savedBytes: 50,
  };
  const found = text({ caches: [cache] });
  const labels = '{manager="orders",pool="cache",cache="pages"}';
  expect(found).toContain(`# TYPE memtool_cache_hits_total counter\nmemtool_cache_hits_total${labels} 8\n`);
  expect(found).toContain(`memtool_cache_misses_total${labels} 2\n`);
  expect(found).toContain(`memtool_cache_used_bytes${labels} 300\n`);
  expect(found).toContain(`memtool_cache_saved_bytes${labels} 50\n`);
  expect(text()).not.toContain('memtool_cache');
});

test('open scopes are counted, and not told one by one: a series for each would have no bound', () => {
  const found = text({ scopes: { count: 12_000, nearLimit: 3, usedBytes: 99 } });
  expect(found).toContain('# TYPE memtool_scopes_open gauge\nmemtool_scopes_open 12000\n');
  expect(found).toContain('memtool_scopes_near_limit 3\n');
});

test('leaks are added up by verdict, kind and source, however many rows there are', () => {
  const row = { verdict: 'leak', kind: 'lost', source: 'pool', count: 2, bytes: 50 } as const;
  const found = text({ leaks: [row, row, { ...row, verdict: 'suspect', kind: 'growing', source: 'heap' }] });
  expect(found).toContain('memtool_leak_bytes{verdict="leak",kind="lost",source="pool"} 100\n');
  expect(found).toContain('memtool_leaks{verdict="leak",kind="lost",source="pool"} 4\n');
  expect(found).toContain('memtool_leak_bytes{verdict="suspect",kind="growing",source="heap"} 50\n');
});

test('labels are escaped', () => {
  const found = text({ pools: [{ ...POOL, name: 'a"b\\c\nd' }] });
  expect(found).toContain('memtool_pool_used_bytes{manager="orders",pool="a\\"b\\\\c\\nd"} 10\n');
});

test('the same labels twice become one sample: sums are added, levels are the worst, times the shortest', () => {
  const found = text({
    pools: [
      { ...POOL, level: 'critical', secondsToLimit: 60, oldestAgeSeconds: 5 },
      { ...POOL, level: 'normal', secondsToLimit: 30, oldestAgeSeconds: null },
    ],
  });
  expect(found).toContain('memtool_pool_used_bytes{manager="orders",pool="cache"} 20\n');
  expect(found).toContain('memtool_pool_limit_bytes{manager="orders",pool="cache"} 2000\n');
  expect(found).toContain('memtool_pool_level{manager="orders",pool="cache"} 2\n');
  expect(found).toContain('memtool_pool_seconds_to_limit{manager="orders",pool="cache"} 30\n');
  expect(found).toContain('memtool_pool_oldest_age_seconds{manager="orders",pool="cache"} 5\n');
});

test('of two pools with the same labels one has no limit: together they have none', () => {
  const found = text({ pools: [POOL, { ...POOL, limitBytes: null }] });
  expect(found).not.toContain('memtool_pool_limit_bytes');
  expect(found).toContain('memtool_pool_used_bytes{manager="orders",pool="cache"} 20\n');
});

test('a program that makes up pools without an end does not make up series', () => {
  const pools = Array.from({ length: SERIES_MAX + 10 }, (_, index) => ({ ...POOL, name: `p${index}` }));
  const found = text({ pools });
  expect(found.match(/^memtool_pool_used_bytes\{/gm)).toHaveLength(SERIES_MAX);
  const [, omitted] = /^memtool_series_omitted (\d+)$/m.exec(found) ?? [];
  expect(Number(omitted)).toBeGreaterThanOrEqual(10);
  expect(text()).not.toContain('memtool_series_omitted');
});

test('every metric has a name in OpenTelemetry, but those that the conventions have, and those of the agent', () => {
  const unnamed = METRICS.map(({ name }) => name).filter((name) => OTEL_NAMES[name] === undefined);
  expect(unnamed).toEqual([
    'memtool_heap_read_timestamp_seconds',
    'memtool_process_resident_bytes',
    'memtool_heap_space_used_bytes',
    'memtool_heap_space_committed_bytes',
    'memtool_process_cpu_seconds_total',
    'memtool_process_uptime_seconds',
    'memtool_own_bytes',
    'memtool_info',
  ]);
  expect(Object.keys(OTEL_NAMES).filter((name) => !METRICS.some((metric) => metric.name === name))).toEqual([]);
  for (const { name, unit, instrument } of Object.values(OTEL_NAMES)) {
    expect(name).toMatch(/^memtool(\.[a-z_]+)+$/);
    expect(unit).toMatch(/^(By|s|1|\{[a-z]+\})$/);
    expect(instrument === 'gauge' && unit.startsWith('{')).toBe(false);
  }
});
