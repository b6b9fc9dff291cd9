import type { Clock } from '../../src/memory/clock.ts';

/** A clock that stands still until a test moves it. */
export class ManualClock implements Clock {
  private seconds = 1000;
  private readonly callbacks = new Set<() => void>();

  readSeconds(): number {
    return this.seconds;
  }

  everySecond(callback: () => void): () => void {
    this.callbacks.add(callback);
    return () => void this.callbacks.delete(callback);
  }

  /** How many are called back once a second. */
  get listeners(): number {
    return this.callbacks.size;
  }

  /** Moves on second by second, as real time would. */
  advance(seconds: number): void {
    for (let second = 0; second < seconds; second += 1) {
      this.seconds += 1;
      for (const callback of this.callbacks) callback();
    }
  }
}
