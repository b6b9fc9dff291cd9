import { constants, PerformanceObserver } from 'node:perf_hooks';
import type { GcStats } from '../report/stats.ts';
import { runOutside } from './run-outside.ts';

/** At 20 to 110 us each this is 1 % of the main thread's time. */
const COLLECTIONS_PER_SECOND_MAX = 100;
/** Too short a time says nothing of a rate. */
const RATE_SECONDS_MIN = 0.5;
/** After that a watch which cost too much is tried again. */
const REST_MS = 60_000;

/**
 * Counts the garbage collections of this thread while somebody wants to know. Each costs the thread a task of its own, 50 to
 * 110 us on Node 20 to 24 and 20 on 26: nothing at the few collections a second of most programs, and a fifth of the time at
 * 2,000. So it is not done unasked, and not while there are more than 100 a second.
 */
export class GcWatch {
  readonly #nowMs: () => number;
  #observer: PerformanceObserver | undefined;
  #untilMs = 0;
  #total: Required<GcStats> = { count: 0, fullCount: 0, pauseMs: 0 };
  #rateFrom = { count: 0, atMs: 0 };
  #restUntilMs = 0;

  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  /** Watches, and goes on for so long. */
  keep(seconds: number): void {
    const now = this.#nowMs();
    this.#untilMs = Math.max(this.#untilMs, now + seconds * 1000);
    if (this.#observer !== undefined || now < this.#restUntilMs) return;
    this.#rateFrom = { count: this.#total.count, atMs: now };
    this.#observer = runOutside(() => new PerformanceObserver((list) => this.#note(list.getEntries())));
    this.#observer.observe({ entryTypes: ['gc'] });
  }

  /**
   * What was counted since it was first asked for; `undefined` while nothing is. It has no timer: whoever reads the figures
   * of the heap, which the agent does every few seconds, ends a watch whose time is over.
   */
  read(): GcStats | undefined {
    const observer = this.#observer;
    if (observer === undefined) return undefined;
    this.#note(observer.takeRecords());
    const now = this.#nowMs();
    const { count, atMs } = this.#rateFrom;
    const seconds = (now - atMs) / 1000;
    const isTooDear = seconds >= RATE_SECONDS_MIN && (this.#total.count - count) / seconds > COLLECTIONS_PER_SECOND_MAX;
    if (isTooDear) this.#restUntilMs = now + REST_MS;
    if (isTooDear || now > this.#untilMs) {
      this.stop();
      return undefined;
    }
    if (seconds >= RATE_SECONDS_MIN) this.#rateFrom = { count: this.#total.count, atMs: now };
    return { ...this.#total };
  }

  stop(): void {
    this.#observer?.disconnect();
    this.#observer = undefined;
  }

  #note(entries: readonly { duration: number; detail?: unknown }[]): void {
    for (const { duration, detail } of entries) {
      this.#total.count += 1;
      this.#total.pauseMs += duration;
      if (isFull(detail)) this.#total.fullCount += 1;
    }
  }
}

function isFull(detail: unknown): boolean {
  return (
    typeof detail === 'object' &&
    detail !== null &&
    'kind' in detail &&
    detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR
  );
}
