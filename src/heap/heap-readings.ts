import type { HeapReadingReport, Leak } from '../report/leaks.ts';
import type { HeapProfile } from '../report/profile.ts';
import type { MainBuffers } from './buffer-sites.ts';
import { buffersBySite } from './buffer-sites.ts';
import { Calendar } from './calendar.ts';
import type { HeapWatchState } from './heap-watch.ts';
import { readSamples } from './live-samples.ts';
import { groupBySite } from './site.ts';
import { SiteHistory } from './site-history.ts';

/** One look at what lives on the heap, and in buffers. */
export interface HeapReading {
  state: HeapWatchState;
  profile: HeapProfile;
  /** Of the watch of buffers; `null` where there is none. */
  buffers: MainBuffers | null;
  /** How long it took: the main thread stood still for no longer. */
  pauseMs: number;
  /** Milliseconds since 1970. */
  endedMs: number;
  heapUsedBytes: number;
  arrayBuffersBytes: number;
}

/** Beyond these the rows of a report tell nothing. */
const ROWS_MAX = 100;

/** What the readings of one watch say together. */
export class HeapReadings {
  #calendar: Calendar | undefined;
  #heap: SiteHistory | undefined;
  #buffers: SiteHistory | undefined;
  #last: HeapReading | undefined;

  get last(): HeapReading | undefined {
    return this.#last;
  }

  /** What is kept of all that has been read: bounded, however long the watch. */
  get footprint(): { readings: number; dates: number } {
    return { readings: this.#heap?.size ?? 0, dates: this.#calendar?.size ?? 0 };
  }

  note(reading: HeapReading): void {
    this.#noteHeap(reading);
    this.#noteBuffers(reading);
    this.#last = reading;
  }

  /** Rows for what is older, largest first, and what they rest on. */
  report(ageSeconds: number): { leaks: Leak[]; heap: HeapReadingReport } | undefined {
    const reading = this.#last;
    if (!reading) return undefined;
    const { state, buffers, heapUsedBytes, arrayBuffersBytes } = reading;
    const rows = [...(this.#heap?.rows(ageSeconds) ?? []), ...(this.#buffers?.rows(ageSeconds) ?? [])];
    const liveBytes = this.#heap?.liveBytes ?? 0;
    return {
      leaks: rows.toSorted((a, b) => b.bytes - a.bytes).slice(0, ROWS_MAX),
      heap: {
        watchedSeconds: (state.nowMs - state.startedMs) / 1000,
        sampleBytes: state.sampleBytes,
        readAt: new Date(reading.endedMs).toISOString(),
        pauseMs: reading.pauseMs,
        liveBytes,
        unseenBytes: Math.max(0, heapUsedBytes - liveBytes),
        buffersLiveBytes: buffers === null ? null : (this.#buffers?.liveBytes ?? 0),
        buffersUnseenBytes: buffers === null ? null : Math.max(0, arrayBuffersBytes - (this.#buffers?.liveBytes ?? 0)),
        placesLeftOut: Math.max(0, rows.length - ROWS_MAX),
      },
    };
  }

  #noteHeap({ state, profile }: HeapReading): void {
    const { startedMs, marks, nowMs } = state;
    if (this.#heap?.startedMs !== startedMs || !this.#calendar) {
      // A new watch, whose ordinals count from the start again.
      this.#calendar = new Calendar(startedMs);
      this.#heap = new SiteHistory('heap', startedMs);
    }
    const calendar = this.#calendar;
    const samples = readSamples(profile);
    for (const { slot, atMs, untilMs } of marks) {
      const ordinal = samples.marks.get(slot);
      if (ordinal === undefined) continue;
      calendar.note(ordinal, atMs);
      if (untilMs > atMs) calendar.note(ordinal, untilMs);
    }
    let newest = 0;
    for (const { samples: alive } of samples.stacks) {
      for (const { ordinal } of alive) newest = Math.max(newest, ordinal);
    }
    calendar.note(newest, nowMs);
    this.#heap.note(groupBySite(samples.stacks), (ordinal) => calendar.timeOf(ordinal), nowMs);
  }

  #noteBuffers({ buffers, state }: HeapReading): void {
    if (buffers === null) return;
    if (this.#buffers?.startedMs !== buffers.startedMs) this.#buffers = new SiteHistory('buffers', buffers.startedMs);
    const { sites, births } = buffersBySite(buffers);
    this.#buffers.note(sites, (id) => births.get(id) ?? buffers.startedMs, state.nowMs);
  }
}
