import { MemtoolError } from '../errors.ts';
import { askStats } from '../inspect/client.ts';
import { containerMemory } from '../inspect/container.ts';
import type { AgentTarget } from '../inspect/discover.ts';
import { isAlive, type Life } from '../inspect/liveness.ts';
import { findAgent } from '../inspect/open.ts';
import { countDescriptors, readProcessFigures, readPssBytes } from '../inspect/process-figures.ts';
import type { ProcessStats } from '../report/stats.ts';
import { SCOPE_QUERY_DEFAULT } from '../protocol.ts';
import { poolColumn, type ProcessColumn } from '../recording/format.ts';

export type Figures = ReadonlyMap<string, number | null>;

export interface Look {
  figures: Figures;
  /** Whether the agent has answered. */
  hasAgent: boolean;
}

export interface LookOptions {
  /** Where the agents' sockets are. */
  directory: string;
  timeoutMs: number;
  intervalMs: number;
}

/** PSS takes the kernel 11 ms for a gigabyte. */
const PSS_INTERVAL_MS = 60_000;
/** Worker threads are interrupted for their figures; descriptors are counted one by one. */
const RARE_INTERVAL_MS = 10_000;
/** An agent that is not there yet, or no more, is looked for at first after this time, then after twice as long, and so on. */
const SEARCH_MS_MIN = 100;
const SEARCH_MS_MAX = 10_000;
/** An agent that is asked more rarely than it was told would stop counting collections in between. */
const GC_SECONDS_MIN = 60;
const GC_INTERVALS = 3;
/** Waiting for an answer must not take the place of the next looks. */
const ANSWER_MS_MIN = 1000;

/** One life of what is recorded: each look gives the figures of one sample. */
export class RecordedProcess {
  readonly life: Life;
  readonly #options: LookOptions;
  #agent: AgentTarget | undefined;
  #nextPssMs = -Infinity;
  #nextRareMs = -Infinity;
  #nextSearchMs = -Infinity;
  #searchMs = SEARCH_MS_MIN;
  #lastCpu: { atMs: number; cpuSeconds: number } | undefined;

  constructor(life: Life, agent: AgentTarget | undefined, options: LookOptions) {
    this.life = life;
    this.#agent = agent;
    this.#options = options;
  }

  get hasAgent(): boolean {
    return this.#agent !== undefined;
  }

  /** @returns `undefined` when the process runs no more; what could not be had is `null` or missing */
  async look(): Promise<Look | undefined> {
    const now = performance.now();
    const isRare = now >= this.#nextRareMs;
    const stats = await this.#askAgent(isRare);
    const figures = new Map<string, number | null>();
    if (stats) addStats(figures, stats);
    this.#addKernel(figures, now, isRare);
    if (isRare) this.#nextRareMs = now + RARE_INTERVAL_MS;
    return isAlive(this.life) ? { figures, hasAgent: stats !== undefined } : undefined;
  }

  /** The agent of a program that has just been started, or of one whose agent has ended. */
  async findAgent(): Promise<boolean> {
    this.#agent ??= await findAgent(this.life.pid, this.#options.directory).catch(() => undefined);
    return this.#agent !== undefined;
  }

  async #askAgent(withWorkers: boolean): Promise<ProcessStats | undefined> {
    const now = performance.now();
    if (this.#agent === undefined && now >= this.#nextSearchMs) {
      this.#nextSearchMs = now + this.#searchMs;
      this.#searchMs = Math.min(SEARCH_MS_MAX, 2 * this.#searchMs);
      await this.findAgent();
    }
    if (this.#agent === undefined) return undefined;
    const { timeoutMs, intervalMs } = this.#options;
    const gcSeconds = Math.max(GC_SECONDS_MIN, Math.ceil((GC_INTERVALS * intervalMs) / 1000));
    try {
      return await askStats(
        this.#agent,
        Math.min(timeoutMs, Math.max(ANSWER_MS_MIN, intervalMs)),
        { ...SCOPE_QUERY_DEFAULT, count: 0 },
        { workers: withWorkers, gcSeconds },
      );
    } catch (error) {
      if (!(error instanceof MemtoolError)) throw error;
      // It may answer the next time, unless it is no more.
      if (error.code === 'MEMTOOL_AGENT_FAILED' || error.code === 'MEMTOOL_TARGET_GONE') this.#agent = undefined;
      return undefined;
    }
  }

  #addKernel(figures: Map<string, number | null>, now: number, isRare: boolean): void {
    const set = (column: ProcessColumn, figure: number | null): void => void figures.set(column, figure);
    const { pid } = this.life;
    const kernel = readProcessFigures(this.life);
    if (kernel === undefined) return;
    set('rss', kernel.rssBytes);
    set('vsz', kernel.vszBytes);
    set('threads', kernel.threads);
    if (!figures.has('cpuPercent')) set('cpuPercent', this.#cpuPercent(now, kernel.cpuSeconds));
    this.#lastCpu = { atMs: now, cpuSeconds: kernel.cpuSeconds };
    if (isRare) set('fds', countDescriptors(pid));
    if (now >= this.#nextPssMs) {
      set('pss', readPssBytes(pid));
      this.#nextPssMs = now + PSS_INTERVAL_MS;
    }
    const container = containerMemory(pid);
    if (container) {
      set('cgroup.current', container.usedBytes);
      set('cgroup.limit', container.limitBytes);
    }
  }

  #cpuPercent(now: number, cpuSeconds: number): number | null {
    const last = this.#lastCpu;
    if (last === undefined || now <= last.atMs) return null;
    return tenths(((cpuSeconds - last.cpuSeconds) / ((now - last.atMs) / 1000)) * 100);
  }
}

function addStats(figures: Map<string, number | null>, stats: ProcessStats): void {
  const set = (column: ProcessColumn, figure: number | null | undefined): void =>
    void figures.set(column, figure ?? null);
  set('rss', stats.rssBytes);
  set('heapUsed', stats.heapUsedBytes);
  set('heapLimit', stats.heapLimitBytes);
  set('external', stats.externalBytes);
  set('arrayBuffers', stats.arrayBuffersBytes);
  set('workersHeapUsed', stats.workers?.heapUsedBytes);
  set('cpuPercent', stats.cpuPercent === null ? null : tenths(stats.cpuPercent));
  set('gcCount', stats.gc?.count);
  set('gcFullCount', stats.gc?.fullCount);
  set('gcPauseMs', stats.gc === undefined ? null : tenths(stats.gc.pauseMs));
  set('scopes.count', stats.scopeCount);
  set('scopes.used', stats.scopesUsedBytes);
  for (const { kind, manager, name, usedBytes, limitBytes, live } of stats.pools) {
    if (kind === 'heap-space') continue;
    const add = (column: string, figure: number): void => void figures.set(column, (figures.get(column) ?? 0) + figure);
    // Two managers may have the same name: their pools are told as one.
    add(poolColumn(manager, name, 'used'), usedBytes);
    add(poolColumn(manager, name, 'live'), live);
    if (limitBytes !== null) add(poolColumn(manager, name, 'limit'), limitBytes);
  }
}

/** More would be noise, and bytes of the file. */
function tenths(figure: number): number {
  return Math.round(figure * 10) / 10;
}
