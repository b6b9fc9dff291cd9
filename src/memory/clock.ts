/** Where the ledger's time comes from; injected, so that tests can move it. */
export interface Clock {
  /** Monotonic seconds, the same for every thread of the process. */
  readSeconds(): number;
  /** Calls back once a second without keeping the process alive; the result stops it. */
  everySecond(callback: () => void): () => void;
}

/**
 * `process.hrtime` is CLOCK_MONOTONIC for every thread, where `performance.now()` starts at zero in each. One second is
 * fine enough for ages, and ten times the rate would wake an idle process ten times as often.
 */
export const systemClock: Clock = {
  readSeconds() {
    const [seconds, nanoseconds] = process.hrtime();
    return seconds + nanoseconds / 1e9;
  },
  everySecond(callback) {
    const timer = setInterval(callback, 1000);
    timer.unref();
    return () => clearInterval(timer);
  },
};
