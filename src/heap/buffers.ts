import { Buffer } from 'node:buffer';
import { isArrayBuffer, isProxy, isStringObject, isUint8Array } from 'node:util/types';
import { BufferSamples } from './buffer-samples.ts';
import type { MainBuffers } from './buffer-sites.ts';
import { placeSlabs } from './buffer-slabs.ts';
import { captureStack } from './buffer-stack.ts';
import { inertMeter, wrapMaker, type BufferMeter, type MakeBuffer } from './buffer-wrapper.ts';
import { nowMs, SAMPLE_BYTES_DEFAULT } from './heap-watch.ts';

/** What can be cloned and written as JSON. */
export interface BufferReading {
  /** The mean distance between samples, now. It grows while there are too many: see `BufferSamples`. */
  meanBytes: number;
  /** Since when, in milliseconds since 1970; `null` while nothing is watched. What was made before is not seen. */
  since: number | null;
  samples: BufferSample[];
  /** Samples that went for want of room; those that stayed count for them. */
  dropped: number;
  /** The standard error of the sum of all samples' bytes, from sampling. */
  errorBytes: number;
}

export interface BufferSample {
  /** All that it stands for, of memory that is alive: the sum over the samples is an unbiased estimate. */
  bytes: number;
  /** Milliseconds since 1970. */
  bornMs: number;
  /** Innermost first, `fn (file:line:col)`, at most 32. */
  stack: string[];
}

export type BufferInstallation = { installed: true } | { installed: false; reason: string };

const MAKERS = ['alloc', 'allocUnsafe', 'allocUnsafeSlow', 'from'] as const;

interface Wrapped {
  name: string;
  original: MakeBuffer;
  wrapper: MakeBuffer;
}

/**
 * Watches the memory of Buffers: wraps `Buffer.alloc`, `allocUnsafe`, `allocUnsafeSlow` and `from`, takes the stack and birth
 * of some of what they make, picked by bytes, and knows of those which are alive. It sees what is made by these four since
 * `install`, by Node's own modules too (`fs`, `zlib`, `Buffer.concat`); not what is made natively (what a socket has read) or
 * by a function that somebody took out of `Buffer` before.
 *
 * What it costs, medians of 41 alternating rounds on two busy cores, Node 20 and 24: 10-40 ns a call (`Buffer.from` of 40
 * characters 1.10-1.18 of what it takes unwatched, `allocUnsafe(100)` 1.10-1.43), and 30-40 us a sample, at most 200 a second. An
 * answered request with a body of 2 KB: 1.00-1.04, where unwatched against itself measured 0.97-1.00; see test/bench/buffers.ts.
 */
export class BufferWatch {
  readonly #meanBytes: number;
  #samples: BufferSamples | undefined;
  #meter: BufferMeter = inertMeter();
  #wrapped: Wrapped[] = [];
  #since: number | null = null;

  /** @param meanBytes the mean distance between two samples, above 0 */
  constructor(meanBytes: number = SAMPLE_BYTES_DEFAULT) {
    this.#meanBytes = meanBytes;
  }

  /** Never throws, and changes nothing where it cannot do it all. */
  install(): BufferInstallation {
    if (this.#since !== null) return { installed: true };
    const samples = new BufferSamples(this.#meanBytes);
    const meter = inertMeter();
    meter.sample = (made, source, wrapper) => {
      try {
        if (isUint8Array(made) && isCopied(source, made)) {
          samples.take(made, captureStack(wrapper).join('\n'));
        }
      } finally {
        // It is not to begin again once it has ended.
        if (meter.creditBytes !== Infinity) meter.creditBytes = samples.nextDistance();
      }
    };
    try {
      for (const name of MAKERS) this.#wrapped.push(replace(name, (original) => wrapMaker(original, meter)));
    } catch (error) {
      this.#restore();
      return { installed: false, reason: error instanceof Error ? error.message : String(error) };
    }
    meter.creditBytes = samples.nextDistance();
    this.#samples = samples;
    this.#meter = meter;
    this.#since = nowMs();
    return { installed: true };
  }

  /** Puts the originals back. Where somebody has wrapped ours, ours stays beneath and does nothing any more. Never throws. */
  uninstall(): void {
    this.#meter.creditBytes = Infinity;
    this.#since = null;
    this.#samples?.clear();
    this.#samples = undefined;
    this.#restore();
  }

  /**
   * What is alive, as far as the last garbage collection has told. At once: it is asked while the main thread is in an
   * endless loop as well; finalizers have not run since that began, so that what is gone since still counts.
   */
  read(): BufferReading {
    const live = [...(this.#samples?.live.values() ?? [])];
    const samples = placeSlabs(live, nowMs()).map(({ sample, bytes }) => ({
      bytes,
      bornMs: sample.bornMs,
      stack: sample.stack === '' ? [] : sample.stack.split('\n'),
    }));
    // Horvitz and Thompson (1952): the variance of a sum of w = b / p is estimated by the sum of (1 - p) w^2 = w (w - b).
    let variance = 0;
    for (const { weightBytes, ownBytes } of live) variance += weightBytes * (weightBytes - ownBytes);
    return {
      meanBytes: this.#samples?.meanBytes ?? this.#meanBytes,
      since: this.#since,
      samples,
      dropped: this.#samples?.dropped ?? 0,
      errorBytes: Math.sqrt(variance),
    };
  }

  /** What `read` tells, by stack; `null` while nothing is watched. */
  readByStack(): MainBuffers | null {
    if (this.#samples === undefined || this.#since === null) return null;
    const tickets = new Map([...this.#samples.live].map(([ticket, sample]) => [sample, ticket]));
    const stacks = new Map<string, MainBuffers['stacks'][number]>();
    for (const { sample, bytes } of placeSlabs([...this.#samples.live.values()], nowMs())) {
      const known = stacks.get(sample.stack) ?? {
        stack: sample.stack === '' ? [] : sample.stack.split('\n'),
        samples: [],
      };
      stacks.set(sample.stack, known);
      known.samples.push({ id: tickets.get(sample) ?? 0, bornMs: sample.bornMs, bytes });
    }
    return { startedMs: this.#since, stacks: [...stacks.values()] };
  }

  #restore(): void {
    for (const { name, original, wrapper } of this.#wrapped) {
      const property = Reflect.getOwnPropertyDescriptor(Buffer, name);
      if (property?.value === wrapper) Reflect.defineProperty(Buffer, name, { ...property, value: original });
    }
    this.#wrapped = [];
  }
}

/** Puts a wrapper in the place of a method of `Buffer`. Throws what says why it cannot. */
function replace(name: string, wrap: (original: MakeBuffer) => MakeBuffer): Wrapped {
  const property = Reflect.getOwnPropertyDescriptor(Buffer, name);
  const original: unknown = property?.value;
  if (!isMaker(original)) throw new TypeError(`Buffer.${name} is no function`);
  const wrapper = wrap(original);
  if (!Reflect.defineProperty(Buffer, name, { ...property, value: wrapper })) {
    throw new TypeError(`Buffer.${name} is frozen`);
  }
  return { name, original, wrapper };
}

function isMaker(value: unknown): value is MakeBuffer {
  return typeof value === 'function';
}

/**
 * Whether what was made has memory of its own, not that of an ArrayBuffer which was given. Asked without running any code of
 * the application (`valueOf`, traps), so what has a `valueOf` of its own, which may give one, is taken for a view.
 */
function isCopied(source: unknown, made: Uint8Array): boolean {
  // Shared memory is never Buffer's own.
  if (!isArrayBuffer(made.buffer)) return false;
  if (typeof source !== 'object' || source === null) return true;
  if (ArrayBuffer.isView(source) || Array.isArray(source) || isStringObject(source)) return true;
  if (isProxy(source) || Object.hasOwn(source, 'valueOf')) return false;
  const prototype: unknown = Object.getPrototypeOf(source);
  return prototype === Object.prototype || prototype === null;
}
