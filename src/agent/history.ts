import { DEFAULT_THRESHOLDS, nextLevel } from '../memory/level.ts';
import type { Level } from '../report/level.ts';
import { Samples, type Growth } from '../statistics/growth.ts';

/** What the agent remembers of how many things; the ones not seen for longest go first. 1 KB each. */
const SERIES_MAX = 2048;
/** A figure that is read on request as well as by the clock is not noted more often than this. */
const SPACING_SECONDS = 0.9;

interface Series {
  samples: Samples;
  level: Level;
}

/**
 * What is watched: the kind, its manager's ledger, its name and, where threads that share the manager may each have one of
 * the name, the thread. Not the manager's name: every thread of a set of workers may have a manager called the same.
 */
export type SeriesKey =
  | readonly [kind: 'heap']
  | readonly [kind: 'heap-space', name: string]
  | readonly [kind: 'worker-heap', threadId: number]
  | readonly [kind: 'manager', ledgerId: number]
  | readonly [kind: 'pool', ledgerId: number, name: string]
  | readonly [kind: 'observed', ledgerId: number, name: string, threadId: number];

/** The last minute of every pool, manager, observed pool and the heap. Bounded, whatever the application makes up. */
export class History {
  readonly #series = new Map<string, Series>();
  readonly #now: () => number;

  constructor(now: () => number = () => performance.now() / 1000) {
    this.#now = now;
  }

  note(key: SeriesKey, usedBytes: number): void {
    const { samples } = this.#find(key);
    const now = this.#now();
    if (now - samples.lastAtSeconds >= SPACING_SECONDS) samples.push(now, usedBytes);
    else samples.peakBytes = Math.max(samples.peakBytes, usedBytes);
  }

  growth(key: SeriesKey): Growth {
    return this.#find(key).samples.growth(this.#now());
  }

  /** The most that the agent has seen. */
  peakBytes(key: SeriesKey): number {
    return this.#find(key).samples.peakBytes;
  }

  /** Of what has no ledger to keep its level: by the same thresholds, with the same hysteresis. */
  level(key: SeriesKey, usedBytes: number, limitBytes: number | null): Level {
    const series = this.#find(key);
    series.level = nextLevel(series.level, usedBytes, limitBytes ?? Infinity, DEFAULT_THRESHOLDS);
    return series.level;
  }

  #find(key: SeriesKey): Series {
    const text = JSON.stringify(key);
    const found = this.#series.get(text) ?? { samples: new Samples(), level: 'normal' };
    // To the end of the insertion order: the first is then the one not seen for longest.
    this.#series.delete(text);
    this.#series.set(text, found);
    if (this.#series.size > SERIES_MAX) {
      const [oldest] = this.#series.keys();
      if (oldest !== undefined) this.#series.delete(oldest);
    }
    return found;
  }
}
