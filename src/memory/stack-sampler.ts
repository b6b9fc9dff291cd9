import { LABEL_SITE_SHIFT, RECORD_LABEL } from './ledger/layout.ts';
import type { Ledger } from './ledger/ledger.ts';

/** Mean distance between samples, as tcmalloc and pprof have it; distances are exponential, so samples are a Poisson process. */
const SAMPLE_BYTES_MEAN = 512 * 1024;
/** A stack costs 3 us to take: 500 a second are 0.15 % of a thread's time. */
const SAMPLES_PER_SECOND = 500;
/** Formatting costs 20 us: 64 a second are 0.13 %. */
const PENDING_MAX = 64;
const FRAMES_MAX = 16;
/** What stands between the application and the sample. */
const OWN_FRAME = /^(StackSampler|MemoryPool)\./;

interface PendingSample {
  record: number;
  generation: number;
  trace: { stack?: string };
}

/**
 * Takes the stack of some of the reservations and allocations that have no tag, so that a leak of theirs has a name.
 * What is still live a second later is formatted and entered; most never is.
 */
export class StackSampler {
  private countdownBytes: number = nextDistance();
  private readonly ledger: Ledger;
  private pending: PendingSample[] = [];
  private samples = 0;

  constructor(ledger: Ledger) {
    this.ledger = ledger;
  }

  /** Told of every reservation and allocation without a tag. */
  pass(bytes: number, record: number, generation: number): void {
    this.countdownBytes -= bytes;
    if (this.countdownBytes < 0) this.sample(record, generation);
  }

  private sample(record: number, generation: number): void {
    this.countdownBytes = nextDistance();
    this.samples += 1;
    if (this.samples > SAMPLES_PER_SECOND) return;
    if (this.pending.length === PENDING_MAX) this.pending = this.pending.filter((sample) => this.isLive(sample));
    if (this.pending.length === PENDING_MAX) return;
    const trace: { stack?: string } = {};
    const limit = Error.stackTraceLimit;
    // Reflect.set does not throw where intrinsics are frozen.
    Reflect.set(Error, 'stackTraceLimit', FRAMES_MAX);
    Error.captureStackTrace(trace);
    Reflect.set(Error, 'stackTraceLimit', limit);
    this.pending.push({ record, generation, trace });
  }

  /** Formats what is still live and enters it in the ledger. Once a second, and before a report of this thread. */
  flush(): void {
    this.samples = 0;
    if (this.pending.length === 0) return;
    const pending = this.pending;
    this.pending = [];
    for (const sample of pending) {
      if (!this.isLive(sample)) continue;
      const stack = formatted(sample.trace);
      if (stack === '') continue;
      const at = (sample.record << 3) + RECORD_LABEL;
      this.ledger.words[at] = this.ledger.word(at) | (this.ledger.siteIndex(stack) << LABEL_SITE_SHIFT);
    }
  }

  private isLive({ record, generation }: PendingSample): boolean {
    return this.ledger.isLive(record, generation);
  }
}

/** One frame a line; empty when the application's own `Error.prepareStackTrace` fails or gives no text. */
function formatted(trace: { stack?: string }): string {
  try {
    const frames = String(trace.stack)
      .split('\n')
      .slice(1)
      .map((frame) => frame.trim().replace(/^at /, ''));
    while (frames[0] !== undefined && OWN_FRAME.test(frames[0])) frames.shift();
    return frames.join('\n');
  } catch {
    return '';
  }
}

function nextDistance(): number {
  return -Math.log(1 - Math.random()) * SAMPLE_BYTES_MEAN;
}
