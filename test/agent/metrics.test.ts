import { expect, test } from 'vitest';
import { renderMetrics } from '../../src/agent/metrics.ts';
import type { ScopeStats } from '../../src/report/scopes.ts';
import type { PoolStats, ProcessStats } from '../../src/report/stats.ts';

const POOL: PoolStats = {
  manager: 'orders',
  name: 'cache',
  kind: 'pool',
  limitBytes: 1000,
  blockBytes: 4096,
  usedBytes: 10,
  reservedBytes: 20,
  peakBytes: 30,
  usedPercent: 1,
  level: 'normal',
  allocations: 4,
  frees: 3,
  rejections: 2,
  live: 1,
  oldestAgeSeconds: null,
};

const STATS: ProcessStats = {
  pid: 1,
  name: 'orders',
  nodeVersion: 'v20.20.2',
  uptimeSeconds: 5,
  sampledAt: '2026-01-01T00:00:00.000Z',
  cpuPercent: 1,
  rssBytes: 100,
  heapUsedBytes: null,
  heapLimitBytes: null,
  externalBytes: null,
  arrayBuffersBytes: null,
  memtoolBytes: 7,
  managers: [],
  pools: [POOL],
  scopes: [],
};

test('each metric has its HELP and TYPE once, and no line is anything else than the format allows', () => {
  const text = renderMetrics({ ...STATS, pools: [POOL, { ...POOL, name: 'temp', limitBytes: null }] }, 1.5, '0.1.0');
  const lines = text.split('\n');
  expect(lines.pop()).toBe('');
  for (const line of lines) {
    expect(line).toMatch(
      /^(# HELP [a-z_]+ .+|# TYPE [a-z_]+ (gauge|counter)|[a-z_]+(\{([a-z]+="[^"]*",?)+\})? [0-9.e+]+)$/,
    );
  }
  const helps = lines.filter((line) => line.startsWith('# HELP')).map((line) => line.split(' ')[2]);
  expect(new Set(helps).size).toBe(helps.length);
  expect(text).toContain(
    '# TYPE memtool_pool_allocations_total counter\nmemtool_pool_allocations_total{manager="orders",pool="cache"} 4\n',
  );
  expect(text).toContain('memtool_process_cpu_seconds_total 1.5\n');
});

test('what is not known is absent', () => {
  const text = renderMetrics({ ...STATS, pools: [{ ...POOL, limitBytes: null }] }, 1, '0.1.0');
  expect(text).not.toContain('memtool_pool_limit_bytes');
  expect(text).not.toContain('memtool_process_heap_used_bytes');
  expect(text).not.toMatch(/null|NaN/);
});

test('open scopes are counted, and not told one by one: a series for each would have no bound', () => {
  const scope: ScopeStats = {
    manager: 'orders',
    kind: 'query',
    name: 'q-17',
    parent: null,
    user: 'ana',
    transaction: null,
    limitBytes: null,
    usedBytes: 1,
    usedPercent: null,
    level: 'normal',
    peakBytes: 1,
    ageSeconds: 1,
  };
  const text = renderMetrics({ ...STATS, scopes: [scope], scopeCount: 12_000 }, 1, '0.1.0');
  expect(text).toContain('# TYPE memtool_scopes_open gauge\nmemtool_scopes_open 12000\n');
  expect(text).not.toContain('q-17');
});

test('labels are escaped, and the same labels twice become one sample', () => {
  const odd = { ...POOL, name: 'a"b\\c\nd' };
  const text = renderMetrics({ ...STATS, pools: [odd, odd] }, 1, '0.1.0');
  expect(text).toContain('memtool_pool_used_bytes{manager="orders",pool="a\\"b\\\\c\\nd"} 20\n');
});
