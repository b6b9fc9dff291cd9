import { setTimeout as sleep } from 'node:timers/promises';
import type { RecordingClock } from '../recording/clock.ts';
import type { ColumnSet } from '../recording/column-set.ts';
import type { Sample } from '../recording/format.ts';
import type { Recording } from '../recording/recording.ts';
import type { RecordedSeries, RecordingEnd } from '../report/recording.ts';
import type { RecordedProcess } from './recorded-process.ts';

/** So much later than it should come, a sample tells that there was a time without. */
const GAP_INTERVALS = 3;
const GAP_MS_MIN = 5000;
const SUCCESSOR_POLL_MS_MAX = 1000;

export interface SessionOptions {
  recording: Recording;
  clock: RecordingClock;
  columns: ColumnSet;
  intervalMs: number;
  /** How long it is to go on; `Infinity` without an end. */
  forMs: number;
  /** Ends it at once. */
  signal: AbortSignal;
  /** Looks for what has taken the place of a target that has ended; without, its end is that of the recording. */
  successor?: (ended: RecordedProcess) => Promise<RecordedProcess | undefined>;
  onSample: (session: RecordSession) => void;
}

/** Records one sample after the other until something ends that. */
export class RecordSession {
  readonly #options: SessionOptions;
  readonly #series = new Map<string, RecordedSeries>();
  readonly #beganMs: number = performance.now();
  #process: RecordedProcess;
  #lastT: number | undefined;
  #isGone = false;
  samples = 0;
  samplesWithoutAgent = 0;
  restarts = 0;
  gaps = 0;

  constructor(first: RecordedProcess, options: SessionOptions) {
    this.#process = first;
    this.#options = options;
  }

  get elapsedMs(): number {
    return performance.now() - this.#beganMs;
  }

  get leftMs(): number {
    return Math.max(0, this.#options.forMs - this.elapsedMs);
  }

  get pid(): number {
    return this.#process.life.pid;
  }

  /** The target has ended, and is waited for. */
  get isWaiting(): boolean {
    return this.#isGone;
  }

  get series(): RecordedSeries[] {
    return [...this.#series.values()];
  }

  /** @throws MemtoolError when the file cannot be written any more */
  async run(): Promise<RecordingEnd> {
    const { signal, intervalMs, successor, recording, clock } = this.#options;
    // Added to for each sample, and not measured from the last: else they would drift.
    let nextMs = performance.now();
    while (!signal.aborted && this.leftMs > 0) {
      const isThere = await this.#sample();
      if (signal.aborted) break;
      if (!isThere) {
        this.#isGone = true;
        recording.event({ event: 'gone', t: clock.now() });
        if (!successor) return 'gone';
        if (!(await this.#awaitSuccessor(successor))) break;
        this.#isGone = false;
        nextMs = performance.now();
        continue;
      }
      this.#options.onSample(this);
      nextMs += intervalMs * Math.max(1, Math.ceil((performance.now() - nextMs) / intervalMs));
      await this.#wait(Math.min(nextMs - performance.now(), this.leftMs));
    }
    return signal.aborted ? 'interrupted' : 'duration';
  }

  /** @returns `false` when the process is gone; nothing is recorded of what comes after the end */
  async #sample(): Promise<boolean> {
    const { signal, clock, columns, recording } = this.#options;
    const look = await this.#orEnd(this.#process.look());
    if (signal.aborted) return true;
    if (look === undefined) return false;
    const t = clock.now();
    this.#noteGap(t);
    const sample = columns.order(new Map([...look.figures, ['t', t]]));
    recording.sample(columns.names, sample);
    this.#lastT = t;
    this.samples += 1;
    if (!look.hasAgent) this.samplesWithoutAgent += 1;
    this.#noteSeries(columns.names, sample);
    return true;
  }

  /** The machine has slept, or we were stopped. */
  #noteGap(t: number): void {
    const { intervalMs, recording } = this.#options;
    const lastT = this.#lastT;
    if (lastT === undefined || t - lastT < Math.max(GAP_MS_MIN, GAP_INTERVALS * intervalMs)) return;
    this.gaps += 1;
    recording.event({
      event: 'gap',
      t: lastT,
      untilT: t,
      reason: 'memtool did not run: the machine slept, or was busy',
    });
  }

  #noteSeries(names: readonly string[], sample: Sample): void {
    for (const [index, column] of names.entries()) {
      const figure = sample[index] ?? null;
      if (figure === null || column === 't') continue;
      const series = this.#series.get(column);
      if (series === undefined) {
        this.#series.set(column, { column, first: figure, last: figure, lowest: figure, highest: figure });
        continue;
      }
      series.last = figure;
      series.lowest = Math.min(series.lowest, figure);
      series.highest = Math.max(series.highest, figure);
    }
  }

  /** @returns `false` when it was ended meanwhile */
  async #awaitSuccessor(successor: NonNullable<SessionOptions['successor']>): Promise<boolean> {
    const { signal, intervalMs, recording, clock, onSample } = this.#options;
    while (!signal.aborted && this.leftMs > 0) {
      const next = await this.#orEnd(successor(this.#process));
      if (next) {
        this.#process = next;
        this.restarts += 1;
        this.#lastT = undefined;
        recording.event({ event: 'restart', t: clock.now(), pid: next.life.pid });
        return true;
      }
      onSample(this);
      await this.#wait(Math.min(intervalMs, SUCCESSOR_POLL_MS_MAX, this.leftMs));
    }
    return false;
  }

  async #wait(ms: number): Promise<void> {
    await sleep(Math.max(0, ms), undefined, { signal: this.#options.signal }).catch(() => undefined);
  }

  /** Whoever ends it does not wait for an answer that is then thrown away. */
  async #orEnd<Value>(work: Promise<Value>): Promise<Value | undefined> {
    const { signal } = this.#options;
    let end: (() => void) | undefined;
    const ended = new Promise<undefined>((resolve) => {
      end = () => resolve(undefined);
      signal.addEventListener('abort', end, { once: true });
      if (signal.aborted) end();
    });
    try {
      return await Promise.race([work, ended]);
    } finally {
      if (end) signal.removeEventListener('abort', end);
    }
  }
}
