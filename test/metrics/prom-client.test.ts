import { Registry, type OpenMetricsContentType } from 'prom-client';
import { expect, onTestFinished, test } from 'vitest';
import { registerMetrics, type RegisterMetricsOptions } from '../../src/metrics/prom-client.ts';
import { METRICS } from '../../src/metrics/table.ts';
import { makeManager } from '../memory/make-manager.ts';

function register(options: RegisterMetricsOptions = {}): Registry {
  const registry = new Registry();
  const remove = registerMetrics(registry, options);
  onTestFinished(remove);
  return registry;
}

test('a real registry has the metrics of the table, with their types and HELP', async () => {
  const { memory } = makeManager({ pools: { results: { limit: 1000 } } });
  memory.pool('results').reserveOrThrow(850);
  const text = await register({ memory }).metrics();
  for (const { name, type, help } of METRICS)
    expect(text).toContain(`# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`);
  expect(text).toContain('memtool_pool_used_bytes{manager="test",pool="results"} 850\n');
  expect(text).toContain('memtool_pool_level{manager="test",pool="results"} 1\n');
  // Counters and leaks are there from the start: a counter that begins with its first event has not increased.
  expect(text).toContain('memtool_leak_bytes{verdict="leak",kind="lost",source="pool"} 0\n');
  expect(text).toContain('memtool_pool_lost_released_bytes_total{manager="test",pool="results"} 0\n');
  expect(text).toMatch(/^memtool_info\{name="test",node="v\d[^"]*",version="[^"]+"\} 1$/m);
  expect(text).toMatch(/^memtool_process_resident_bytes \d+$/m);
  expect(text).toMatch(/^memtool_process_cpu_seconds_total [\d.]+$/m);
  // The agent's own, and what only it knows.
  expect(text).not.toMatch(/^memtool_(own_bytes|heap_read_timestamp_seconds) /m);
});

test('they are read anew at each scrape, and what is gone or not known is absent, not 0', async () => {
  const { memory } = makeManager({ pools: { results: {} } });
  const registry = register({ memory });
  const held = memory.pool('results').reserveOrThrow(5, { tag: 'rows' });
  expect(await registry.metrics()).toContain('memtool_pool_oldest_age_seconds{manager="test",pool="results"} 0\n');
  held.free();
  const text = await registry.metrics();
  expect(text).toContain('memtool_pool_used_bytes{manager="test",pool="results"} 0\n');
  expect(text).toContain('memtool_pool_frees_total{manager="test",pool="results"} 1\n');
  expect(text).not.toMatch(/^memtool_pool_oldest_age_seconds\{/m);
  expect(text).not.toMatch(/^memtool_container_limit_bytes 0$/m);
  expect(text).not.toMatch(/^memtool_process_heap_seconds_to_limit 0$/m);
});

test('without a manager named, all that there are when it is read', async () => {
  const registry = register();
  const one = makeManager({ name: 'one' }).memory;
  const two = makeManager({ name: 'two' }).memory;
  const text = await registry.metrics();
  expect(text).toContain('memtool_manager_used_bytes{manager="one"} 0\n');
  expect(text).toContain('memtool_manager_used_bytes{manager="two"} 0\n');
  one.close();
  two.close();
  expect(await registry.metrics()).not.toMatch(/^memtool_manager_used_bytes\{/m);
});

test('observed pools are asked; one that fails is absent, and the rest is there', async () => {
  const { memory } = makeManager();
  memory.observe('duckdb', () => Promise.resolve({ usedBytes: 90, limitBytes: 100 }));
  memory.observe('broken', () => Promise.reject(new Error('no answer')));
  const text = await register({ memory }).metrics();
  expect(text).toContain('memtool_observed_used_bytes{manager="test",pool="duckdb"} 90\n');
  expect(text).toContain('memtool_observed_level{manager="test",pool="duckdb"} 1\n');
  expect(text).not.toContain('broken');
});

test('scrapes at the same time do not mix', async () => {
  const { memory } = makeManager({ pools: { results: {} } });
  memory.pool('results').reserveOrThrow(7);
  const registry = register({ memory });
  const texts = await Promise.all([registry.metrics(), registry.metrics(), registry.metrics()]);
  for (const text of texts) {
    expect(text.match(/^memtool_pool_used_bytes\{manager="test",pool="results"\} 7$/gm)).toHaveLength(1);
    expect(text.match(/^memtool_pool_allocations_total\{manager="test",pool="results"\} 1$/gm)).toHaveLength(1);
  }
});

test('a second time is refused, and leaves the first as it is', async () => {
  const { memory } = makeManager();
  const registry = register({ memory });
  expect(() => registerMetrics(registry, { memory })).toThrow('has already been registered');
  expect(await registry.metrics()).toContain('memtool_pool_used_bytes{');
});

test('once it is taken out, the registry has none of them', async () => {
  const { memory } = makeManager();
  const registry = new Registry();
  registerMetrics(registry, { memory })();
  expect((await registry.metrics()).trim()).toBe('');
  registerMetrics(registry, { memory })();
});

test('a registry of OpenMetrics has them too', async () => {
  const { memory } = makeManager();
  const registry = new Registry<OpenMetricsContentType>();
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  onTestFinished(registerMetrics(registry, { memory }));
  const text = await registry.metrics();
  expect(text).toContain('memtool_pool_allocations_total{manager="test",pool="cache"} 0\n');
  expect(text.endsWith('# EOF\n')).toBe(true);
});
