import { join } from 'node:path';
import { BlackBoxFile } from '../black-box/file.ts';
import { pruneBoxes } from '../black-box/keep.ts';
import { DETAILS, HEAD, MINUTES, SECONDS } from '../black-box/layout.ts';
import { emptyFigures, type BoxSample } from '../black-box/slot.ts';
import { ensureSocketDirectory } from '../protocol.ts';
import type { PoolUsage } from '../memory/ledger/reader.ts';
import type { Leak } from '../report/leaks.ts';
import { worstLevel } from '../report/level.ts';
import { BoxDetails, fewerDetails, type Watched } from './box-details.ts';
import { BoxHead } from './box-head.ts';
import type { Control } from './control.ts';
import { removeFile } from './failure.ts';
import type { Managers } from './managers.ts';
import type { MainMemory, WorkerStart } from './messages.ts';
import { ContainerProbe, type GroupUsage } from './probes/container.ts';
import type { ProcessProbe } from './probes/process.ts';

export interface BlackBoxSources {
  start: WorkerStart;
  control: Control;
  managers: Managers;
  process: ProcessProbe;
  memtoolVersion: string;
}

interface NamedPool extends PoolUsage {
  manager: string;
}

/** Every so many samples there is one for the day. */
const SAMPLES_PER_MINUTE: number = MINUTES.intervalMs / SECONDS.intervalMs;
/** Who holds what takes longer to find out than how much it is: it is asked every second only while that changes fast. */
const SAMPLES_PER_DETAILS = 10;
const RSS_CHANGE_SHARE = 0.03;

/**
 * Writes down once a second what the process holds, into a file that is there when it is not. Whatever the system refuses
 * ends it, with the reason in `unavailable`: nothing else depends on it.
 */
export class BlackBox {
  readonly #sources: BlackBoxSources;
  readonly #path: string | undefined;
  readonly #container = new ContainerProbe();
  readonly #head: BoxHead;
  readonly #details: BoxDetails;
  #file: BlackBoxFile | undefined;
  #heap: { memory: MainMemory; atMs: number } | undefined;
  #samples = 0;
  #heads = 0;
  #detailed = 0;
  #unavailable: string | undefined;
  #isDetailed = false;
  #detailedRssBytes = 0;

  constructor(sources: BlackBoxSources) {
    const { start, managers, memtoolVersion } = sources;
    this.#sources = sources;
    this.#path = start.blackBoxName === null ? undefined : join(start.directory, start.blackBoxName);
    this.#head = new BoxHead({ ...start, memtoolVersion, group: this.#container.group });
    this.#details = new BoxDetails(managers);
  }

  /** Why there is none, or none any more; `undefined` when all is well. */
  get unavailable(): string | undefined {
    return this.#unavailable;
  }

  /** Of the control group with a limit that is nearest to being full. */
  containerUsage(): GroupUsage | undefined {
    return this.#container.read();
  }

  open(): void {
    const { control, start } = this.#sources;
    const path = this.#path;
    if (path === undefined || !control.beginBox()) return;
    this.#guard(() => {
      ensureSocketDirectory(start.directory);
      pruneBoxes(start.directory);
      this.#file = BlackBoxFile.create(path);
    });
    // The process has left meanwhile, or is about to.
    if (!control.endBox(this.#file !== undefined)) this.discard();
    // Whose it is stands in it at once: the process may be killed in its first second.
    this.sample();
  }

  noteHeap(memory: MainMemory): void {
    this.#heap = { memory, atMs: Date.now() };
  }

  noteSites(readAtMs: number, rows: readonly Leak[]): void {
    this.#details.noteSites(readAtMs, rows);
    this.#isDetailed = false;
  }

  /** To be called once a second. */
  sample(): void {
    const file = this.#file;
    if (!file) return;
    this.#guard(() => {
      const atMs = Date.now();
      const { sample, watched } = this.#look(atMs);
      this.#writeHead(file);
      file.writeSample(SECONDS, this.#samples, sample);
      if (this.#samples % SAMPLES_PER_MINUTE === 0) this.#writeMinute(file, sample);
      const isNews = this.#details.noteLevels(atMs, watched);
      const isTime = this.#samples % SAMPLES_PER_DETAILS === 0;
      if (!file.hasName) throw new Error('its file was removed');
      const rssBytes = sample.figures.rssBytes ?? 0;
      const isOther = Math.abs(rssBytes - this.#detailedRssBytes) > RSS_CHANGE_SHARE * this.#detailedRssBytes;
      if (isTime || isNews || isOther || !this.#isDetailed) {
        this.#detailedRssBytes = rssBytes;
        this.#writeDetails(file, atMs);
      }
      this.#samples += 1;
    });
  }

  /** The agent goes away, and the process stays. */
  discard(): void {
    this.#close();
    if (this.#path !== undefined) removeFile(this.#path);
  }

  #look(atMs: number): { sample: BoxSample; watched: Watched[] } {
    const { managers, process: probe, start } = this.#sources;
    const heap = this.#heap;
    const container = this.#container.read();
    const pools: (number | null)[] = [];
    const watched: Watched[] = [];
    let poolsUsedBytes = 0;
    for (const { manager, name, usedBytes, limitBytes, level } of this.#pools()) {
      const column = this.#head.column(manager, name, limitBytes);
      if (column !== undefined) pools[column] = usedBytes;
      poolsUsedBytes += usedBytes;
      watched.push({ name: `${manager}/${name}`, usedBytes, limitBytes, level });
    }
    if (heap)
      watched.push({ name: 'heap', usedBytes: heap.memory.heapUsedBytes, limitBytes: heap.memory.heapLimitBytes });
    if (container) watched.push({ name: 'container', ...container });
    this.#head.name = managers.names[0] ?? start.scriptName;
    const figures: BoxSample['figures'] = {
      ...emptyFigures(),
      atMs,
      rssBytes: probe.rssBytes(),
      heapUsedBytes: heap?.memory.heapUsedBytes ?? null,
      heapLimitBytes: heap?.memory.heapLimitBytes ?? start.heapLimitBytes,
      externalBytes: heap?.memory.externalBytes ?? null,
      arrayBuffersBytes: heap?.memory.arrayBuffersBytes ?? null,
      cpuPercent: probe.cpuPercent(),
      heapAgeMs: heap ? atMs - heap.atMs : null,
      containerUsedBytes: container?.usedBytes ?? null,
      containerLimitBytes: container?.limitBytes ?? null,
      poolsUsedBytes,
    };
    return { sample: { figures, pools }, watched };
  }

  /** Those of several ledgers that are called the same, as sets of worker threads have them, are one. */
  #pools(): NamedPool[] {
    const pools = new Map<string, NamedPool>();
    this.#sources.managers.read((reader) => {
      const manager = reader.managerName;
      for (const pool of reader.usage()) {
        const key = JSON.stringify([manager, pool.name]);
        const known = pools.get(key);
        pools.set(key, known === undefined ? { manager, ...pool } : { ...known, ...sumOf(known, pool) });
      }
    }, {});
    return [...pools.values()];
  }

  /** The disk may be full: all else has its room already. */
  #writeMinute(file: BlackBoxFile, sample: BoxSample): void {
    try {
      file.writeSample(MINUTES, this.#samples / SAMPLES_PER_MINUTE, sample);
      this.#unavailable = undefined;
    } catch (error) {
      this.#unavailable = `the figures of the day are missing: ${messageOf(error)}`;
    }
  }

  #writeHead(file: BlackBoxFile): void {
    let head = this.#head.take();
    while (head && !file.writeBlock(HEAD[this.#heads % 2 === 0 ? 0 : 1], this.#heads, head))
      head = { ...head, pools: head.pools.slice(0, Math.floor(head.pools.length / 2)) };
    if (head) this.#heads += 1;
  }

  #writeDetails(file: BlackBoxFile, atMs: number): void {
    const place = DETAILS[this.#detailed % 2 === 0 ? 0 : 1];
    const details = this.#details.read(atMs, this.#container.oomKills());
    if (!file.writeBlock(place, this.#detailed, details)) file.writeBlock(place, this.#detailed, fewerDetails(details));
    this.#detailed += 1;
    this.#isDetailed = true;
  }

  #guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      // Half a black box would say that the process died when only this did.
      this.discard();
      this.#unavailable = `it has ended: ${messageOf(error)}`;
    }
  }

  #close(): void {
    const file = this.#file;
    this.#file = undefined;
    try {
      file?.close();
    } catch {
      // What could not be written before is known already.
    }
  }
}

function sumOf(a: PoolUsage, b: PoolUsage): Omit<PoolUsage, 'name'> {
  const isLimited = a.limitBytes !== null && b.limitBytes !== null;
  return {
    usedBytes: a.usedBytes + b.usedBytes,
    limitBytes: isLimited ? (a.limitBytes ?? 0) + (b.limitBytes ?? 0) : null,
    level: worstLevel([a, b]),
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
