import { makeFinalizers } from '../memory/finalizers.ts';
import { nowMs } from './heap-watch.ts';

/** Live samples: at 300 bytes each, and stacks that are shared, 1-2 MB. */
const LIVE_MAX = 4096;
/** A sample costs 30-40 us: 200 a second are 0.8 % of a thread's time. */
const PER_SECOND_MAX = 200;
const SECOND_MS = 1000;

export interface LiveSample {
  /** What it holds itself, without the others that it stands for. */
  readonly ownBytes: number;
  /** All that it stands for: `ownBytes / (probability that it was taken)`. */
  weightBytes: number;
  readonly bornMs: number;
  /** One frame a line. */
  readonly stack: string;
  /** Whether the buffer is part of a slab that it shares with others. */
  readonly isShared: boolean;
  /** Of a shared one: whether the buffer itself is alive. Its slab is, as that of every live sample. */
  isViewAlive: boolean;
}

/**
 * The live samples, at most 4,096 of them, and how far apart they are taken.
 *
 * Both bounds, the number alive and the number a second, are kept by doubling the mean distance, and it falls again when
 * there is room. When too many are alive, each goes with a probability of one half and those that stay count double. A sample
 * carries its own weight, set when it is taken, and what is yet to come is unaffected by when the mean changes: the sum is
 * unbiased throughout. A finalizer says when the memory has gone: it is registered on the ArrayBuffer, which each view keeps.
 * Finalizers run in tasks of the event loop, so while that is blocked what has gone still counts.
 */
export class BufferSamples {
  meanBytes: number;
  /** Samples that went for want of room. */
  dropped = 0;
  readonly live: Map<number, LiveSample> = new Map();
  private readonly meanBytesMin: number;
  /** Each stack is kept once, with the number of its samples. */
  private readonly stacks: Map<string, { text: string; uses: number }> = new Map();
  private readonly finalizers: FinalizationRegistry<number>;
  private tickets = 0;
  private second = { startedMs: 0, taken: 0 };

  constructor(meanBytes: number) {
    this.meanBytes = meanBytes;
    this.meanBytesMin = meanBytes;
    // The ticket says which sample; below 0, that its view has gone.
    this.finalizers = makeFinalizers<BufferSamples>(this, (samples, ticket) => samples.onCollected(ticket));
  }

  /** Bytes until the next sample: exponential, so that samples are a Poisson process. */
  nextDistance(): number {
    return -Math.log(1 - Math.random()) * this.meanBytes;
  }

  take(buffer: Uint8Array, stack: string): void {
    const memory = buffer.buffer;
    const length = buffer.byteLength;
    if (length === 0) return;
    const isShared = length < memory.byteLength;
    // Node takes multiples of 8 bytes out of a slab.
    const ownBytes = isShared ? Math.ceil(length / 8) * 8 : length;
    const bornMs = nowMs();
    const sample: LiveSample = {
      ownBytes,
      // It was picked by its length, whatever it holds.
      weightBytes: ownBytes / -Math.expm1(-length / this.meanBytes),
      bornMs,
      stack: this.intern(stack),
      isShared,
      isViewAlive: true,
    };
    this.tickets += 1;
    this.live.set(this.tickets, sample);
    this.finalizers.register(memory, this.tickets, sample);
    if (isShared) this.finalizers.register(buffer, -this.tickets, sample);
    this.adapt(bornMs);
  }

  clear(): void {
    for (const ticket of this.live.keys()) this.remove(ticket);
  }

  private adapt(at: number): void {
    this.second.taken += 1;
    const isOver = at - this.second.startedMs >= SECOND_MS;
    if (this.live.size > LIVE_MAX) {
      this.thin();
      this.meanBytes *= 2;
    } else if (this.second.taken > PER_SECOND_MAX && !isOver) {
      this.meanBytes *= 2;
    } else if (isOver && this.second.taken < PER_SECOND_MAX / 4 && this.live.size < LIVE_MAX / 4) {
      this.meanBytes = Math.max(this.meanBytes / 2, this.meanBytesMin);
    } else if (!isOver) return;
    this.second = { startedMs: at, taken: 0 };
  }

  private thin(): void {
    for (const [ticket, sample] of this.live) {
      if (Math.random() < 0.5) {
        this.remove(ticket);
        this.dropped += 1;
      } else sample.weightBytes *= 2;
    }
  }

  private onCollected(ticket: number): void {
    if (ticket > 0) return this.remove(ticket);
    const sample = this.live.get(-ticket);
    if (sample) sample.isViewAlive = false;
  }

  private remove(ticket: number): void {
    const sample = this.live.get(ticket);
    if (!sample) return;
    this.live.delete(ticket);
    this.finalizers.unregister(sample);
    const stack = this.stacks.get(sample.stack);
    if (!stack) return;
    stack.uses -= 1;
    if (stack.uses === 0) this.stacks.delete(stack.text);
  }

  private intern(text: string): string {
    const known = this.stacks.get(text) ?? { text, uses: 0 };
    if (known.uses === 0) this.stacks.set(text, known);
    known.uses += 1;
    return known.text;
  }
}
