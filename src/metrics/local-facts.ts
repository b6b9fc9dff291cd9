import { basename } from 'node:path';
import { getHeapSpaceStatistics } from 'node:v8';
import { heapLimitBytes } from '../heap/heap-limit.ts';
import { openLedger, type LedgerReader } from '../memory/ledger/reader.ts';
import { DEFAULT_THRESHOLDS, nextLevel } from '../memory/level.ts';
import { observedRow } from '../memory/observers.ts';
import { registeredManagers, type RegisteredManager } from '../memory/registry.ts';
import { levelAt, worstLevel, type Level } from '../report/level.ts';
import { Samples, secondsToLimit } from '../statistics/growth.ts';
import { containerUsage } from './container-usage.ts';
import type { MetricFacts } from './facts.ts';
import { LEDGER_LEAKS, releasedOfAll } from './leak-series.ts';

/** Growth is that of the last minute, and is told after ten seconds; a scrape may come once a minute. */
const GROWTH_INTERVAL_MS = 5000;
/** Names may be made up without an end. */
const GROWTHS_MAX = 2048;

/** Put in by the bundler. */
const MEMTOOL_VERSION = process.env['MEMTOOL_VERSION'] ?? 'unknown';

interface Watched {
  manager: RegisteredManager;
  reader: LedgerReader;
}

/**
 * Reads this process from within, on the thread that asks: the managers of that thread with all that others share with them,
 * its heap, and the figures of the process. What only the agent knows, its own memory and verdicts on the heap, is absent.
 */
export class LocalFacts {
  readonly #only: RegisteredManager | undefined;
  readonly #readers = new WeakMap<RegisteredManager, LedgerReader>();
  readonly #growths = new Map<string, Samples>();
  readonly #timer: NodeJS.Timeout;
  #heapLevel: Level = 'normal';
  #reading: Promise<MetricFacts> | undefined;

  /** @param only one manager; without it all that there are when it is read */
  constructor(only?: RegisteredManager) {
    this.#only = only;
    this.#timer = setInterval(() => this.#noteGrowth(), GROWTH_INTERVAL_MS).unref();
    this.#noteGrowth();
  }

  /** Those who ask at the same time, as all metrics of one scrape do, get the same facts. */
  read(): Promise<MetricFacts> {
    this.#reading ??= this.#read().finally(() => (this.#reading = undefined));
    return this.#reading;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  async #read(): Promise<MetricFacts> {
    const watched = this.#watched();
    const observed = await this.#observed(watched);
    const { heapUsed, external, arrayBuffers, rss } = process.memoryUsage();
    const { user, system } = process.cpuUsage();
    this.#note('heap', heapUsed);
    const limit = heapLimitBytes();
    this.#heapLevel = nextLevel(this.#heapLevel, heapUsed, limit, DEFAULT_THRESHOLDS);
    const container = containerUsage() ?? null;
    const managers = watched.map(({ manager, reader }) =>
      this.#withTime(reader.manager(), ['manager', manager.ledgerId]),
    );
    const pools = watched.flatMap(({ manager, reader }) =>
      reader.pools().map((pool) => this.#withTime(pool, ['pool', manager.ledgerId, pool.name])),
    );
    const scopes = watched.map(({ reader }) => reader.scopes(0, 'used'));
    const near = watched.map(({ reader }) => reader.scopesNearLimit(1));
    return {
      name: watched[0]?.manager.name ?? basename(process.argv[1] ?? 'node'),
      nodeVersion: process.version,
      memtoolVersion: MEMTOOL_VERSION,
      uptimeSeconds: process.uptime(),
      cpuSeconds: (user + system) / 1e6,
      rssBytes: rss,
      heapUsedBytes: heapUsed,
      heapLimitBytes: limit,
      heapSecondsToLimit: this.#timeToLimit('heap', heapUsed, limit),
      externalBytes: external,
      arrayBuffersBytes: arrayBuffers,
      memtoolBytes: null,
      spaces: readSpaces(),
      level: worstLevel([
        ...managers,
        ...pools,
        ...observed,
        ...near.flatMap((selection) => selection.scopes),
        { level: this.#heapLevel },
        ...(container ? [{ level: levelAt((container.usedBytes / container.limitBytes) * 100) }] : []),
      ]),
      managers,
      pools,
      observed,
      caches: watched.flatMap(({ manager }) => manager.caches?.() ?? []),
      scopes: {
        count: sum(scopes.map(({ count }) => count)),
        nearLimit: sum(near.map(({ count }) => count)),
        usedBytes: sum(scopes.map(({ usedBytes }) => usedBytes)),
      },
      leaks: [
        ...(watched.length > 0 ? LEDGER_LEAKS : []),
        // No record is older than that: what is left is lost or orphaned.
        ...watched.flatMap(({ reader }) => reader.leaks(Infinity)),
      ],
      released: releasedOfAll(
        pools,
        watched.flatMap(({ reader }) => reader.released()),
      ),
      heapReadAtSeconds: null,
      container,
    };
  }

  #watched(): Watched[] {
    const managers = registeredManagers().filter((manager) => this.#only === undefined || manager === this.#only);
    return managers.flatMap((manager) => {
      const reader = this.#reader(manager);
      return reader ? [{ manager, reader }] : [];
    });
  }

  #reader(manager: RegisteredManager): LedgerReader | undefined {
    let reader = this.#readers.get(manager);
    try {
      reader ??= openLedger(manager.ledgerMemory);
    } catch {
      // Of another copy of the package, whose ledger this one cannot read.
      return undefined;
    }
    this.#readers.set(manager, reader);
    return reader;
  }

  async #observed(watched: Watched[]): Promise<MetricFacts['observed']> {
    const found = await Promise.all(
      watched.map(async ({ manager }) => ({ manager, usages: await manager.observed() })),
    );
    return found.flatMap(({ manager, usages }) =>
      usages
        .filter(({ error }) => error === undefined)
        .map((usage) => {
          const series = ['observed', manager.ledgerId, usage.name];
          this.#note(series, usage.usedBytes);
          const { usedBytes, limitBytes } = usage;
          const level = nextLevel('normal', usedBytes, limitBytes ?? Infinity, DEFAULT_THRESHOLDS);
          return this.#withTime(observedRow(manager.name, usage, { peakBytes: usedBytes, level }), series);
        }),
    );
  }

  #noteGrowth(): void {
    this.#note('heap', process.memoryUsage().heapUsed);
    for (const { manager, reader } of this.#watched()) {
      const pools = reader.usage();
      for (const { name, usedBytes } of pools) this.#note(['pool', manager.ledgerId, name], usedBytes);
      this.#note(['manager', manager.ledgerId], sum(pools.map(({ usedBytes }) => usedBytes)));
    }
  }

  #note(series: unknown, usedBytes: number): void {
    const samples = this.#growth(series);
    const now = performance.now() / 1000;
    if (now - samples.lastAtSeconds >= GROWTH_SPACING_SECONDS) samples.push(now, usedBytes);
  }

  #growth(series: unknown): Samples {
    const key = JSON.stringify(series);
    const found = this.#growths.get(key) ?? new Samples();
    // To the end of the insertion order: the first is then the one not seen for longest.
    this.#growths.delete(key);
    this.#growths.set(key, found);
    const [oldest] = this.#growths.keys();
    if (this.#growths.size > GROWTHS_MAX && oldest !== undefined) this.#growths.delete(oldest);
    return found;
  }

  #timeToLimit(series: unknown, usedBytes: number, limitBytes: number | null): number | null {
    return secondsToLimit(this.#growth(series).growth(performance.now() / 1000), usedBytes, limitBytes);
  }

  #withTime<Row extends { usedBytes: number; limitBytes: number | null }>(
    row: Row,
    series: unknown,
  ): Row & { secondsToLimit: number | null } {
    return { ...row, secondsToLimit: this.#timeToLimit(series, row.usedBytes, row.limitBytes) };
  }
}

/** As many as a minute may have. */
const GROWTH_SPACING_SECONDS = 0.99;

function readSpaces(): MetricFacts['spaces'] {
  return getHeapSpaceStatistics()
    .filter(({ space_size: bytes }) => bytes > 0)
    .map((space) => ({
      name: space.space_name,
      usedBytes: space.space_used_size,
      committedBytes: space.physical_space_size,
    }));
}

function sum(figures: readonly number[]): number {
  return figures.reduce((total, figure) => total + figure, 0);
}
