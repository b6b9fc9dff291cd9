import { HeapReadings } from '../heap/heap-readings.ts';
import { usedPercent } from '../memory/level.ts';
import { MemtoolError } from '../errors.ts';
import type { MetricFacts } from '../metrics/facts.ts';
import {
  SCOPE_QUERY_DEFAULT,
  STATS_EXTENT_DEFAULT,
  type Health,
  type ScopeQuery,
  type StatsExtent,
} from '../protocol.ts';
import { SCHEMA_VERSION, type ProcessIdentity, type Unavailable } from '../report/document.ts';
import { VERDICTS, type Leak, type ProcessLeaks } from '../report/leaks.ts';
import { worstLevel, type Level } from '../report/level.ts';
import type { ProcessPressure, Resource } from '../report/pressure.ts';
import type { ProcessProfile } from '../report/profile.ts';
import type { ScopeStats } from '../report/scopes.ts';
import type { ProcessStats } from '../report/stats.ts';
import { totalsOf } from '../report/totals.ts';
import type { Application } from './application.ts';
import type { BlackBox } from './black-box.ts';
import { secondsToLimit } from '../statistics/growth.ts';
import type { History, SeriesKey } from './history.ts';
import { heapPools } from './heap-pools.ts';
import type { Managers } from './managers.ts';
import { metricFacts } from './metric-facts.ts';
import type { MainMemory } from './messages.ts';
import { readObserved, type Observed } from './observed.ts';
import { agentBytes } from './probes/agent.ts';
import type { HeapReader } from './probes/heap-reader.ts';
import type { ProcessProbe } from './probes/process.ts';
import type { HeapProbe } from './probes/v8.ts';
import { SourceMaps } from './source-maps.ts';
import type { WorkerHeapsProbe } from './probes/worker-heaps.ts';
import { WorkerRows } from './worker-rows.ts';

export interface ReportSources {
  managers: Managers;
  history: History;
  process: ProcessProbe;
  heap: HeapProbe;
  workerHeaps: WorkerHeapsProbe;
  heapReader: HeapReader;
  application: Application;
  blackBox: BlackBox;
  scriptName: string;
  /** As it was at the start, for when the main thread cannot be asked. */
  heapLimitBytes: number;
  memtoolVersion: string;
}

/** Assembles what the verbs answer. What could not be had says why; nothing here waits for longer than half a second. */
export class Reports {
  readonly #sources: ReportSources;
  readonly #heapReadings = new HeapReadings();
  readonly #sourceMaps = new SourceMaps();
  /** What was asked of the last reading of the heap. */
  #heapAgeSeconds = 0;

  constructor(sources: ReportSources) {
    this.#sources = sources;
  }

  identity(): ProcessIdentity {
    return {
      pid: process.pid,
      name: this.#sources.managers.names[0] ?? this.#sources.scriptName,
      nodeVersion: process.version,
      uptimeSeconds: this.#sources.process.uptimeSeconds(),
      sampledAt: new Date().toISOString(),
    };
  }

  health(): Health {
    return {
      ...this.identity(),
      nodeVersion: process.version,
      memtoolVersion: this.#sources.memtoolVersion,
      schemaVersion: SCHEMA_VERSION,
      managers: this.#sources.managers.names,
      pools: this.#sources.managers.poolNames.length,
      ...stated(this.#blackBox({})),
    };
  }

  async stats(
    query: ScopeQuery = SCOPE_QUERY_DEFAULT,
    { workers: withWorkers, gcSeconds }: StatsExtent = STATS_EXTENT_DEFAULT,
  ): Promise<ProcessStats> {
    const unavailable: Unavailable = {};
    const [memory, observed, workers] = await Promise.all([
      this.#heap(unavailable, gcSeconds),
      this.#observed(unavailable),
      withWorkers ? this.#workers(unavailable) : undefined,
    ]);
    const workersMemory = workers?.totals();
    const ledgers = this.#sources.managers.stats(unavailable);
    const { scopes, count: scopeCount, usedBytes } = this.#sources.managers.scopes(query, unavailable);
    this.#blackBox(unavailable);
    return {
      ...this.identity(),
      cpuPercent: this.#sources.process.cpuPercent(),
      rssBytes: this.#sources.process.rssBytes(),
      heapUsedBytes: memory?.heapUsedBytes ?? null,
      heapLimitBytes: memory?.heapLimitBytes ?? this.#sources.heapLimitBytes,
      externalBytes: memory?.externalBytes ?? null,
      arrayBuffersBytes: memory?.arrayBuffersBytes ?? null,
      memtoolBytes: agentBytes() + this.#sources.managers.touchedBytes(),
      ...(workersMemory ? { workers: workersMemory } : {}),
      managers: ledgers.map(({ manager }) => manager),
      pools: [
        ...ledgers.flatMap(({ pools }) => pools),
        ...observed.pools.map(({ pool }) => pool),
        ...(memory ? heapPools(memory, this.#sources.history) : []),
        ...(workers?.pools() ?? []),
      ],
      scopes,
      scopeCount,
      ...(observed.phases.length > 0 ? { phases: observed.phases } : {}),
      ...(observed.caches.length > 0 ? { caches: observed.caches } : {}),
      scopesUsedBytes: usedBytes,
      ...(memory?.gc ? { gc: memory.gc } : {}),
      ...stated(unavailable),
    };
  }

  async pressure(): Promise<ProcessPressure> {
    const unavailable: Unavailable = {};
    const [memory, observed, workers] = await Promise.all([
      this.#heap(unavailable),
      this.#observed(unavailable),
      this.#workers(unavailable),
    ]);
    const ledgers = this.#sources.managers.stats(unavailable);
    const { scopes, count: scopesNearLimit } = this.#sources.managers.scopesNearLimit(SCOPES_PRESSED_MAX, unavailable);
    const resources = [
      ...ledgers.flatMap(({ ledgerId, pools }) =>
        pools.map((pool) => this.#resource({ ...pool, kind: 'pool' }, ['pool', ledgerId, pool.name])),
      ),
      ...ledgers
        .filter(({ manager }) => manager.limitBytes !== null)
        .map(({ ledgerId, manager }) =>
          this.#resource({ ...manager, kind: 'manager', manager: null }, ['manager', ledgerId]),
        ),
      ...observed.pools.map(({ series, pool }) => this.#resource({ ...pool, kind: 'observed' }, series)),
      ...scopes.map(asResource),
      ...(memory ? [this.#heapResource(memory.heapUsedBytes, memory.heapLimitBytes)] : []),
      ...workers.resources(),
    ].toSorted((a, b) => (b.usedPercent ?? -1) - (a.usedPercent ?? -1));
    return { ...this.identity(), level: worstLevel(resources), resources, scopesNearLimit, ...stated(unavailable) };
  }

  /** What `GET /metrics` is made of. */
  async metrics(): Promise<MetricFacts> {
    const [memory, observed] = await Promise.all([this.#heap({}), this.#observed({})]);
    const last = this.#heapReadings.last;
    const leaks = this.#heapReadings.report(this.#heapAgeSeconds)?.leaks;
    const heapLeaks = last && leaks ? { leaks, readAtSeconds: last.endedMs / 1000 } : undefined;
    return metricFacts(this.#sources, { identity: this.identity(), memory, observed, heapLeaks });
  }

  /** @param pauseMsMax a reading of the heap that would stop the main thread for longer is not made */
  async leaks(ageSeconds: number, pauseMsMax: number): Promise<ProcessLeaks> {
    const unavailable: Unavailable = {};
    const heap = await this.#heapLeaks(ageSeconds, pauseMsMax, unavailable);
    if (this.#sources.managers.names.length === 0) unavailable['pools'] = NO_POOLS;
    const read = this.#sources.managers.read((reader) => reader.leaks(ageSeconds), unavailable).flat();
    const released = this.#sources.managers.read((reader) => reader.released(), unavailable).flat();
    const leaks = [...read, ...(heap?.leaks ?? [])].toSorted(byCertaintyAndSize).map((leak) => this.#inSource(leak));
    return {
      ...this.identity(),
      leaks,
      released,
      totals: totalsOf(leaks),
      ...(heap ? { heap: heap.heap } : {}),
      ...stated(unavailable),
    };
  }

  /** @throws MemtoolError `MEMTOOL_UNAVAILABLE` with the reason */
  async profile(pauseMsMax: number): Promise<ProcessProfile> {
    const outcome = await this.#sources.heapReader.read(pauseMsMax);
    if (outcome.kind === 'unavailable')
      throw new MemtoolError('MEMTOOL_UNAVAILABLE', `The heap cannot be read: ${outcome.reason}.`);
    const { state, profile, pauseMs, endedMs } = outcome.reading;
    return {
      ...this.identity(),
      sampleBytes: state.sampleBytes,
      watchedSeconds: (state.nowMs - state.startedMs) / 1000,
      pauseMs,
      startedMs: state.startedMs,
      endedMs,
      profile,
    };
  }

  #inSource(leak: Leak): Leak {
    return { ...leak, stack: leak.stack.map((frame) => this.#sourceMaps.original(frame)) };
  }

  async #heapLeaks(
    ageSeconds: number,
    pauseMsMax: number,
    unavailable: Unavailable,
  ): Promise<ReturnType<HeapReadings['report']>> {
    const outcome = await this.#sources.heapReader.read(pauseMsMax);
    if (outcome.kind === 'unavailable') {
      unavailable['heap'] = outcome.reason;
      return undefined;
    }
    // The same again when it was asked for too soon after the last.
    if (outcome.reading !== this.#heapReadings.last) {
      this.#heapReadings.note(outcome.reading);
      const rows = this.#heapReadings.report(0)?.leaks.map((leak) => this.#inSource(leak)) ?? [];
      this.#sources.blackBox.noteSites(outcome.reading.endedMs, rows);
    }
    this.#heapAgeSeconds = ageSeconds;
    return this.#heapReadings.report(ageSeconds);
  }

  #blackBox(unavailable: Unavailable): Unavailable {
    const reason = this.#sources.blackBox.unavailable;
    if (reason !== undefined) unavailable['black box'] = reason;
    return unavailable;
  }

  async #heap(unavailable: Unavailable, gcSeconds: number = 0): Promise<MainMemory | undefined> {
    const reading = await this.#sources.heap.read(gcSeconds);
    if (reading.kind === 'unavailable') {
      unavailable['heap'] = reading.reason;
      return undefined;
    }
    this.#sources.history.note(HEAP, reading.memory.heapUsedBytes);
    return reading.memory;
  }

  async #workers(unavailable: Unavailable): Promise<WorkerRows> {
    return new WorkerRows(await this.#sources.workerHeaps.read(), this.#sources.history, unavailable);
  }

  #observed(unavailable: Unavailable): Promise<Observed> {
    return readObserved(this.#sources, unavailable);
  }

  #heapResource(usedBytes: number, limitBytes: number): Resource {
    const level = this.#sources.history.level(HEAP, usedBytes, limitBytes);
    const percent = usedPercent(usedBytes, limitBytes);
    return this.#resource(
      { kind: 'heap', manager: null, name: 'heap', usedBytes, limitBytes, usedPercent: percent, level },
      HEAP,
    );
  }

  #resource(figures: Figures, series: SeriesKey): Resource {
    const { kind, manager, name, usedBytes, limitBytes, usedPercent: percent, level } = figures;
    const growth = this.#sources.history.growth(series);
    return {
      kind,
      manager,
      name,
      usedBytes,
      limitBytes,
      usedPercent: percent,
      level,
      bytesPerMinute: growth.bytesPerMinute,
      secondsToLimit: secondsToLimit(growth, usedBytes, limitBytes),
    };
  }
}

function byCertaintyAndSize(a: Leak, b: Leak): number {
  return VERDICTS.indexOf(a.verdict) - VERDICTS.indexOf(b.verdict) || b.bytes - a.bytes;
}

/** Without a pool nothing is known of leaks, which is not the same as that there are none. */
export const NO_POOLS = 'nothing in this process uses the memtool library yet';

/** Thousands of queries may be near their limits at once; the nearest say enough. */
const SCOPES_PRESSED_MAX = 100;

/** Scopes come and go: their growth is not followed. */
function asResource({ manager, kind, name, usedBytes, limitBytes, usedPercent: percent, level }: ScopeStats): Resource {
  const figures = { usedBytes, limitBytes, usedPercent: percent, level, bytesPerMinute: null, secondsToLimit: null };
  return { kind: 'scope', manager, name: `${kind} ${name}`, ...figures };
}

const HEAP: SeriesKey = ['heap'];

interface Figures {
  kind: Resource['kind'];
  manager: string | null;
  name: string;
  usedBytes: number;
  limitBytes: number | null;
  usedPercent: number | null;
  level: Level;
}

/** `unavailable` is there only when there is something to say. */
export function stated(unavailable: Unavailable): { unavailable?: Unavailable } {
  return Object.keys(unavailable).length > 0 ? { unavailable } : {};
}
