import { sparest } from './sparest.ts';

/**
 * Epoch marks give the live samples of V8's sampling heap profiler their dates. A sample carries an ordinal, which grows by
 * one with each sample taken, and no time. So every now and then a function known by its name allocates memory that is kept:
 * its samples are found in the profile by that name, and their ordinals date the moment. The next reading has then dated
 * it for good, and its memory is given back.
 */
export interface EpochMark {
  /** Its memory was allocated by `memtoolEpoch<slot>`. */
  slot: number;
  /** When, in milliseconds since 1970. */
  atMs: number;
  /** Until then the program has allocated next to nothing more. */
  untilMs: number;
}

type Kept = EpochMark & { memory: unknown };

export const EPOCH_NAME: RegExp = /^memtoolEpoch(\d+)$/;

/** The most that marks may hold of the process' heap together. */
const BUDGET_BYTES = 8 * 1024 * 1024;
/** With four sampling intervals of memory a mark is found with 98 % probability (1 - e^-4). */
const INTERVALS_PER_MARK = 4;
const CHUNK_BYTES = 16 * 1024;
/** So far apart at first, and after a minute: long watches need no more, and every mark is garbage for the program's collector. */
const SPACING_MS = 2000;
const SPACING_MS_LATER = 10_000;
const EARLY_MS = 60_000;
/** Less than this was allocated or given back since: a sample in between is improbable, and its date would be the same. */
const QUIET_BYTES = 128 * 1024;

/** One function a slot, since samples are told apart by function. Methods, for a minifier leaves their names. */
const ALLOCATE: readonly ((bytes: number) => unknown)[] = Object.values({
  memtoolEpoch0: (bytes: number): unknown => fill(bytes),
  memtoolEpoch1: (bytes: number): unknown => fill(bytes),
  memtoolEpoch2: (bytes: number): unknown => fill(bytes),
  memtoolEpoch3: (bytes: number): unknown => fill(bytes),
  memtoolEpoch4: (bytes: number): unknown => fill(bytes),
  memtoolEpoch5: (bytes: number): unknown => fill(bytes),
  memtoolEpoch6: (bytes: number): unknown => fill(bytes),
  memtoolEpoch7: (bytes: number): unknown => fill(bytes),
  memtoolEpoch8: (bytes: number): unknown => fill(bytes),
  memtoolEpoch9: (bytes: number): unknown => fill(bytes),
  memtoolEpoch10: (bytes: number): unknown => fill(bytes),
  memtoolEpoch11: (bytes: number): unknown => fill(bytes),
  memtoolEpoch12: (bytes: number): unknown => fill(bytes),
  memtoolEpoch13: (bytes: number): unknown => fill(bytes),
  memtoolEpoch14: (bytes: number): unknown => fill(bytes),
  memtoolEpoch15: (bytes: number): unknown => fill(bytes),
});

/** The last one marks the moment of a reading. */
const NOW_SLOT = ALLOCATE.length - 1;

/** Lives on the main thread of the process that is watched: what it allocates must be that heap's. */
export class EpochMarks {
  readonly #markBytes: number;
  readonly #startedMs: number;
  #kept: Kept[] = [];
  #lastMs: number;
  #lastHeapBytes = Number.NaN;

  constructor(sampleBytes: number, nowMs: number) {
    this.#markBytes = Math.min(INTERVALS_PER_MARK * sampleBytes, BUDGET_BYTES / ALLOCATE.length);
    this.#startedMs = nowMs;
    this.#lastMs = nowMs;
  }

  /** How many there are, of those that have not been released. */
  get count(): number {
    return this.#kept.length;
  }

  /** @param heapBytes what the heap holds: a program that does nothing is not made to do something */
  tick(nowMs: number, heapBytes: number): void {
    if (Math.abs(heapBytes - this.#lastHeapBytes) < QUIET_BYTES) {
      const newest = this.#kept.at(-1);
      if (newest) newest.untilMs = nowMs;
      return;
    }
    const spacingMs = nowMs - this.#startedMs < EARLY_MS ? SPACING_MS : SPACING_MS_LATER;
    if (nowMs - this.#lastMs < spacingMs) return;
    this.#lastMs = nowMs;
    this.#mark(this.#freeSlot(nowMs), nowMs, this.#markBytes);
    this.#lastHeapBytes = heapBytes + this.#markBytes;
  }

  /** A last mark for the moment itself, and all that there are. To be released when they have been read. */
  read(nowMs: number): EpochMark[] {
    this.#kept = this.#kept.filter(({ slot }) => slot !== NOW_SLOT);
    this.#mark(NOW_SLOT, nowMs, this.#markBytes);
    return this.#kept.map(({ slot, atMs, untilMs }) => ({ slot, atMs, untilMs }));
  }

  /** Those made until then have been dated. */
  release(untilMs: number): void {
    this.#kept = this.#kept.filter(({ atMs }) => atMs > untilMs);
  }

  #mark(slot: number, atMs: number, bytes: number): void {
    this.#kept.push({ slot, atMs, untilMs: atMs, memory: ALLOCATE[slot]?.(bytes) });
  }

  #freeSlot(nowMs: number): number {
    const taken = new Set(this.#kept.map(({ slot }) => slot));
    for (let slot = 0; slot < NOW_SLOT; slot += 1) if (!taken.has(slot)) return slot;
    const index = sparest(this.#kept.map(({ atMs }) => nowMs - atMs));
    return this.#kept.splice(index, 1)[0]?.slot ?? 0;
  }
}

function fill(bytes: number): unknown {
  return Array.from({ length: Math.max(1, Math.round(bytes / CHUNK_BYTES)) }, chunk);
}

function chunk(): unknown {
  // oxlint-disable-next-line unicorn/no-new-array -- one object of that size, at once
  return new Array<undefined>(CHUNK_BYTES / 8 - 2);
}
