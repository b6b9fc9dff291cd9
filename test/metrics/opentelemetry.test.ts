import {
  AggregationTemporality,
  DataPointType,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
  type MetricData,
} from '@opentelemetry/sdk-metrics';
import {
  METRIC_PROCESS_CPU_TIME,
  METRIC_PROCESS_MEMORY_USAGE,
  METRIC_PROCESS_UPTIME,
  METRIC_V8JS_MEMORY_HEAP_SPACE_AVAILABLE_SIZE,
  METRIC_V8JS_MEMORY_HEAP_SPACE_PHYSICAL_SIZE,
  METRIC_V8JS_MEMORY_HEAP_SPACE_SIZE,
  METRIC_V8JS_MEMORY_HEAP_USED,
} from '@opentelemetry/semantic-conventions/incubating';
import { expect, onTestFinished, test } from 'vitest';
import { registerMetrics, type RegisterMetricsOptions } from '../../src/metrics/opentelemetry.ts';
import { makeManager } from '../memory/make-manager.ts';

/** The real SDK, with an exporter that keeps what it is given. */
function register(options: RegisterMetricsOptions): {
  collect: () => Promise<Map<string, MetricData>>;
  remove: () => void;
} {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
  const provider = new MeterProvider({ readers: [reader] });
  const remove = registerMetrics(provider.getMeter('memtool'), options);
  onTestFinished(async () => {
    remove();
    await provider.shutdown();
  });
  const collect = async (): Promise<Map<string, MetricData>> => {
    exporter.reset();
    await provider.forceFlush();
    const metrics = exporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics));
    return new Map(metrics.map((metric) => [metric.descriptor.name, metric]));
  };
  return { collect, remove };
}

function points(metric: MetricData | undefined): [Record<string, unknown>, unknown][] {
  return (metric?.dataPoints ?? []).map(({ attributes, value }) => [attributes, value]);
}

test('pools are sums with a unit and the names of manager and pool', async () => {
  const { memory } = makeManager({ pools: { results: { limit: 1000 } } });
  memory.pool('results').reserveOrThrow(850, { tag: 'rows' });
  memory.pool('results').reserve(2000);
  const { collect } = register({ memory });
  const metrics = await collect();
  const results = { 'memtool.manager.name': 'test', 'memtool.pool.name': 'results' };
  expect(metrics.get('memtool.pool.usage')).toMatchObject({
    descriptor: { unit: 'By', description: 'Sum of the live allocations and reservations.' },
    dataPointType: DataPointType.SUM,
    isMonotonic: false,
  });
  expect(points(metrics.get('memtool.pool.usage'))).toContainEqual([results, 850]);
  expect(points(metrics.get('memtool.pool.limit'))).toContainEqual([results, 1000]);
  expect(points(metrics.get('memtool.pool.level'))).toContainEqual([results, 1]);
  expect(metrics.get('memtool.pool.level')?.dataPointType).toBe(DataPointType.GAUGE);
  expect(metrics.get('memtool.pool.rejections')).toMatchObject({
    descriptor: { unit: '{request}' },
    dataPointType: DataPointType.SUM,
    isMonotonic: true,
  });
  expect(points(metrics.get('memtool.pool.rejections'))).toContainEqual([results, 1]);
});

test('they are read anew at each collection; what is not known is absent', async () => {
  const { memory } = makeManager({ pools: { results: {} } });
  const { collect } = register({ memory });
  const first = await collect();
  expect(points(first.get('memtool.manager.limit'))).toEqual([]);
  expect(points(first.get('memtool.pool.time_to_limit'))).toEqual([]);
  const held = memory.pool('results').reserveOrThrow(500);
  const results = { 'memtool.manager.name': 'test', 'memtool.pool.name': 'results' };
  expect(points((await collect()).get('memtool.pool.usage'))).toContainEqual([results, 500]);
  held.free();
  expect(points((await collect()).get('memtool.pool.usage'))).toContainEqual([results, 0]);
});

test('leaks have verdict, kind and source', async () => {
  const { memory, clock } = makeManager();
  memory.query('q-1', {}, () => memory.pool('query').reserve(4096, { tag: 'rows' }));
  clock.advance(2);
  const { collect } = register({ memory });
  const size = points((await collect()).get('memtool.leak.size'));
  const attributes = { 'memtool.leak.verdict': 'leak', 'memtool.leak.source': 'pool' };
  expect(size).toContainEqual([{ ...attributes, 'memtool.leak.kind': 'orphaned' }, 4096]);
  expect(size).toContainEqual([{ ...attributes, 'memtool.leak.kind': 'lost' }, 0]);
});

test('what the semantic conventions have a name for has that name, unit and instrument', async () => {
  const { collect } = register({});
  const metrics = await collect();
  const sums = [
    METRIC_PROCESS_MEMORY_USAGE,
    METRIC_V8JS_MEMORY_HEAP_USED,
    METRIC_V8JS_MEMORY_HEAP_SPACE_SIZE,
    METRIC_V8JS_MEMORY_HEAP_SPACE_AVAILABLE_SIZE,
    METRIC_V8JS_MEMORY_HEAP_SPACE_PHYSICAL_SIZE,
  ];
  for (const name of sums) {
    const found = metrics.get(name);
    expect(found, name).toMatchObject({
      descriptor: { unit: 'By' },
      dataPointType: DataPointType.SUM,
      isMonotonic: false,
    });
  }
  expect(metrics.get(METRIC_PROCESS_CPU_TIME)).toMatchObject({ descriptor: { unit: 's' }, isMonotonic: true });
  expect(metrics.get(METRIC_PROCESS_UPTIME)).toMatchObject({
    descriptor: { unit: 's' },
    dataPointType: DataPointType.GAUGE,
  });
  const spaces = points(metrics.get(METRIC_V8JS_MEMORY_HEAP_USED)).map(
    ([attributes]) => attributes['v8js.heap.space.name'],
  );
  expect(spaces).toContain('old_space');
  expect(points(metrics.get('v8js.memory.heap.limit'))).toEqual([]);
});

test('runtime: false leaves these to whoever has them already', async () => {
  const { memory } = makeManager();
  const metrics = await register({ memory, runtime: false }).collect();
  expect([...metrics.keys()].filter((name) => !name.startsWith('memtool.'))).toEqual([]);
  expect(metrics.has('memtool.pool.usage')).toBe(true);
});

test('once it is taken out, nothing is read any more', async () => {
  const { memory } = makeManager({ pools: { results: {} } });
  const { collect, remove } = register({ memory });
  const results = { 'memtool.manager.name': 'test', 'memtool.pool.name': 'results' };
  expect(points((await collect()).get('memtool.pool.usage'))).toContainEqual([results, 0]);
  remove();
  memory.pool('results').reserveOrThrow(500);
  expect(points((await collect()).get('memtool.pool.usage'))).not.toContainEqual([results, 500]);
});
