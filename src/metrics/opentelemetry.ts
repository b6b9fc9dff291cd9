/**
 * `memtool/opentelemetry`: the figures of memtool through OpenTelemetry's metrics API. What the semantic conventions (1.45,
 * of `process.*` and `v8js.*`, both in development) have a name for has that; the rest is `memtool.*`, by their guidelines.
 */
import { getHeapSpaceStatistics } from 'node:v8';
import type { Attributes, Meter, MetricOptions, Observable } from '@opentelemetry/api';
import type { RegisteredManager } from '../memory/registry.ts';
import type { MetricFacts } from './facts.ts';
import type { Labels } from './family.ts';
import { LocalFacts } from './local-facts.ts';
import { OTEL_NAMES, type OtelName } from './otel-names.ts';
import { METRICS, samplesOf } from './table.ts';

export interface RegisterMetricsOptions {
  /** Only this manager; without it, all managers of the thread. */
  memory?: RegisteredManager;
  /**
   * `false` leaves out `process.*` and `v8js.*`, for a program that has them already, as from
   * `@opentelemetry/instrumentation-runtime-node` and a collector's hostmetrics. Default true.
   */
  runtime?: boolean;
}

const ATTRIBUTES: Readonly<Record<string, string>> = {
  manager: 'memtool.manager.name',
  pool: 'memtool.pool.name',
  cache: 'memtool.cache.name',
  verdict: 'memtool.leak.verdict',
  kind: 'memtool.leak.kind',
  source: 'memtool.leak.source',
};

type Observed = (facts: MetricFacts) => { value: number; attributes: Attributes }[];

interface Instrument {
  observable: Observable;
  read: Observed;
}

/**
 * Adds memtool's instruments to a meter, all observable: they are read when the meter's reader collects, once for all of
 * them. Counters and up-down counters are absolute, as observable ones are.
 *
 * @returns how to take them out again
 */
export function registerMetrics(meter: Meter, { memory, runtime = true }: RegisterMetricsOptions = {}): () => void {
  const facts = new LocalFacts(memory);
  const instruments = [...ownInstruments(meter), ...(runtime ? runtimeInstruments(meter) : [])];
  const observables = instruments.map(({ observable }) => observable);
  const observe: Parameters<Meter['addBatchObservableCallback']>[0] = async (result) => {
    const read = await facts.read();
    for (const instrument of instruments) {
      for (const { value, attributes } of instrument.read(read)) {
        result.observe(instrument.observable, value, attributes);
      }
    }
  };
  meter.addBatchObservableCallback(observe, observables);
  return () => {
    facts.close();
    meter.removeBatchObservableCallback(observe, observables);
  };
}

function ownInstruments(meter: Meter): Instrument[] {
  return METRICS.flatMap((metric) => {
    const name = OTEL_NAMES[metric.name];
    if (name === undefined) return [];
    const read: Observed = (facts) =>
      samplesOf(metric, facts).known.map(({ labels, value }) => ({ value, attributes: attributesOf(labels) }));
    return [{ observable: create(meter, name, metric.help), read }];
  });
}

/** Of the whole process: one point, or none. */
function figure(value: number | null): ReturnType<Observed> {
  return value === null ? [] : [{ value, attributes: {} }];
}

function runtimeInstruments(meter: Meter): Instrument[] {
  const of = (name: OtelName, description: string, read: Observed): Instrument => ({
    observable: create(meter, name, description),
    read,
  });
  return [
    of(
      { name: 'process.memory.usage', unit: 'By', instrument: 'up-down-counter' },
      'The amount of physical memory in use.',
      ({ rssBytes }) => figure(rssBytes),
    ),
    // All modes together, so without the attribute `cpu.mode`: with it on every point, or on none.
    of({ name: 'process.cpu.time', unit: 's', instrument: 'counter' }, 'Total CPU seconds.', ({ cpuSeconds }) =>
      figure(cpuSeconds),
    ),
    of(
      { name: 'process.uptime', unit: 's', instrument: 'gauge' },
      'The time the process has been running.',
      ({ uptimeSeconds }) => figure(uptimeSeconds),
    ),
    // `v8js.memory.heap.limit` is deprecated for `v8js.memory.heap.space.size`: it never was the limit of the heap.
    ...V8_SPACES.map(([name, description, field]) =>
      of({ name, unit: 'By', instrument: 'up-down-counter' }, description, () =>
        getHeapSpaceStatistics().map((space) => ({
          value: space[field],
          attributes: { 'v8js.heap.space.name': space.space_name },
        })),
      ),
    ),
  ];
}

const V8_SPACES = [
  ['v8js.memory.heap.used', 'Heap memory in use.', 'space_used_size'],
  ['v8js.memory.heap.space.size', 'Total heap memory pre-allocated for a heap space.', 'space_size'],
  ['v8js.memory.heap.space.available_size', 'Heap space available size.', 'space_available_size'],
  ['v8js.memory.heap.space.physical_size', 'Committed size of a heap space.', 'physical_space_size'],
] as const;

function create(meter: Meter, { name, unit, instrument }: OtelName, description: string): Observable {
  const options: MetricOptions = { unit, description };
  switch (instrument) {
    case 'counter':
      return meter.createObservableCounter(name, options);
    case 'up-down-counter':
      return meter.createObservableUpDownCounter(name, options);
    case 'gauge':
      return meter.createObservableGauge(name, options);
  }
}

function attributesOf(labels: Labels): Attributes {
  return Object.fromEntries(Object.entries(labels).map(([label, text]) => [ATTRIBUTES[label] ?? label, text]));
}
