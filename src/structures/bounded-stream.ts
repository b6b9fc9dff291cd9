import { addAbortSignal, Readable, type ReadableOptions } from 'node:stream';
import type { MemoryPool } from '../memory/pool.ts';
import type { ReserveOptions } from '../memory/pool-options.ts';
import { checkSize } from '../memory/size.ts';
import { parseBytes } from '../units.ts';
import { Charge } from './charge.ts';
import { sizeOfBytes } from './item-size.ts';
import { Queue } from './queue.ts';

export interface BoundedStreamOptions<Item> extends ReserveOptions {
  pool: MemoryPool;
  /** What may be in flight at a time. An item that is larger passes alone. */
  maxBytes: number | string;
  /** Bytes of an item. Default: those of a Buffer, or of a text in UTF-8; other items need it. */
  sizeOf?: (item: Item) => number;
  /** Ends it: what is in flight is released, the source closed, and the consumer gets the signal's reason. */
  signal?: AbortSignal;
}

/** Reading further ahead than this gains no time, however small the items. */
const ITEMS_AHEAD_MAX = 1024;

/** Of what the next item is expected to take, with each smaller one: a single large item does not end reading ahead for good. */
const EXPECTATION_KEPT = 0.875;

/**
 * Goes through a large source with at most `maxBytes` in flight: produced, and not let go yet by the consumer, who lets an
 * item go by asking for the next. What is in flight is charged to the pool, and to the scope that runs now. The source is read
 * ahead as far as `maxBytes` allows; one that answers at once, such as an array or a generator, only as it is asked.
 *
 * Iterate it (`for await`), give it to `pipeline`, or make a stream of it with `toReadable()`. When the pool refuses, the source
 * waits until something is let go; when nothing is in flight, the consumer gets a MemoryLimitError. However it ends - `break`,
 * an error, `return()`, an abort, a destroyed stream - everything is released and the source is closed.
 *
 * @throws MemtoolError `MEMTOOL_INVALID_OPTION`, `MEMTOOL_SCOPE_ENDED`
 */
export function boundedStream<Item>(
  source: AsyncIterable<Item> | Iterable<Item>,
  options: BoundedStreamOptions<Item>,
): BoundedStream<Item> {
  return new BoundedStream(source, options);
}

interface Sized<Item> {
  item: Item;
  bytes: number;
}

interface Consumer<Item> {
  resolve: (result: IteratorResult<Item, undefined>) => void;
  reject: (reason: unknown) => void;
}

/** How it ended: with an error, or the source had no more. */
type Ending = { error: unknown } | 'exhausted';

/** What `boundedStream` returns: an iterator, to be gone through once. */
export class BoundedStream<Item> implements AsyncIterableIterator<Item> {
  private readonly maxBytes: number;
  private readonly sizeOf: (item: Item) => number;
  private readonly charge: Charge;
  private readonly source: AsyncIterator<Item> | Iterator<Item>;
  private readonly readsAhead: boolean;
  private readonly signal: AbortSignal | undefined;
  private readonly abort = (): void => this.endUnwatched({ error: this.signal?.reason });
  /** Read ahead and charged. */
  private readonly ahead = new Queue<Sized<Item>>();
  /** Bytes that are charged: those ahead and what the consumer has. */
  private chargedBytes = 0;
  /** What the consumer has, until it asks for the next. */
  private handedBytes: number | undefined = undefined;
  /** Came from the source and is not charged yet: there is no room. */
  private arrived: Sized<Item> | undefined = undefined;
  /** What the next item will probably take: the largest of late. */
  private expectedBytes = 0;
  private readonly consumers = new Queue<Consumer<Item>>();
  private isReading = false;
  private ending: Ending | undefined = undefined;
  /** The consumer knows that it has ended. */
  private isOver = false;

  /** @internal */
  constructor(source: AsyncIterable<Item> | Iterable<Item>, options: BoundedStreamOptions<Item>) {
    this.maxBytes = parseBytes(options.maxBytes, 'maxBytes');
    this.sizeOf = options.sizeOf ?? sizeOfBytes;
    this.signal = options.signal;
    this.charge = new Charge(options.pool, options);
    this.readsAhead = Symbol.asyncIterator in source;
    this.source = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
    if (this.signal?.aborted === true) this.abort();
    else this.signal?.addEventListener('abort', this.abort, { once: true });
  }

  /** Bytes in flight, as charged: at most `maxBytes`, or one item. */
  get inFlightBytes(): number {
    return this.chargedBytes;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /**
   * The next item; the one before is let go.
   *
   * @throws MemoryLimitError when the pool refuses while nothing is in flight; what the source, `sizeOf` or the signal gave
   */
  // oxlint-disable-next-line typescript/promise-function-async -- one promise less an item
  next(): Promise<IteratorResult<Item, undefined>> {
    this.letGo();
    if (this.ahead.length > 0 && this.consumers.length === 0) return this.hand();
    return new Promise((resolve, reject) => {
      this.consumers.push({ resolve, reject });
      this.advance();
    });
  }

  /** Ends it: `for await` calls it on `break`. Waits until the source is closed. */
  async return(): Promise<IteratorResult<Item, undefined>> {
    this.signal?.removeEventListener('abort', this.abort);
    this.isOver = true;
    await this.endAtOnce('exhausted');
    return { done: true, value: undefined };
  }

  /** Ends it with an error, which it throws once the source is closed. */
  async throw(error: unknown): Promise<IteratorResult<Item, undefined>> {
    await this.return();
    throw error;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  /**
   * A stream of the items: of objects unless the options say otherwise, one at a time, so that what it holds is charged too.
   * An abort destroys it, with an AbortError as streams do.
   */
  toReadable(options: ReadableOptions = {}): Readable {
    const readable = Readable.from(this, options);
    return this.signal === undefined ? readable : addAbortSignal(this.signal, readable);
  }

  /** What was read ahead, to a consumer that need not wait. */
  private async hand(): Promise<IteratorResult<Item, undefined>> {
    const next = this.ahead.shift();
    if (next === undefined) return this.next();
    this.handedBytes = next.bytes;
    this.advance();
    return { done: false, value: next.item };
  }

  /** Gives the consumer what there is, and reads on if there is room. */
  private advance(): void {
    this.admit();
    this.deliver();
    if (!this.isReading && this.wantsMore()) void this.read();
  }

  private wantsMore(): boolean {
    if (this.ending !== undefined || this.arrived !== undefined) return false;
    if (this.consumers.length > 0) return true;
    return (
      this.readsAhead && this.ahead.length < ITEMS_AHEAD_MAX && this.chargedBytes + this.expectedBytes <= this.maxBytes
    );
  }

  private async read(): Promise<void> {
    this.isReading = true;
    try {
      while (this.wantsMore()) {
        // One at a time: sources need not bear being asked twice at once.
        // oxlint-disable-next-line no-await-in-loop
        const result = await this.source.next();
        if (result.done === true) {
          this.end('exhausted');
          return;
        }
        // As `for await` does with promises that an array holds.
        // oxlint-disable-next-line no-await-in-loop
        const item = this.readsAhead ? result.value : await result.value;
        // It may have been ended meanwhile.
        if (this.ending !== undefined) return;
        if (!this.receive(item)) return;
      }
    } catch (error) {
      this.end({ error });
      // One that throws is closed already; but a promise that it gave may be what failed.
      if (!this.readsAhead) this.closeUnwatched();
    } finally {
      this.isReading = false;
    }
  }

  /** @returns false when it cannot be taken */
  private receive(item: Item): boolean {
    try {
      const bytes = this.sizeOf(item);
      checkSize(bytes, 'The size of an item');
      this.arrived = { item, bytes };
      this.expectedBytes = Math.max(bytes, Math.floor(this.expectedBytes * EXPECTATION_KEPT));
    } catch (error) {
      this.end({ error });
      this.closeUnwatched();
      return false;
    }
    this.admit();
    this.deliver();
    return true;
  }

  /** Charges what has arrived, if there is room: alone it has, whatever its size, unless the pool refuses. */
  private admit(): void {
    const { arrived } = this;
    if (arrived === undefined) return;
    const isAlone = this.handedBytes === undefined && this.ahead.length === 0;
    try {
      if (isAlone) this.charge.grow(arrived.bytes);
      else if (this.chargedBytes + arrived.bytes > this.maxBytes || !this.charge.tryGrow(arrived.bytes)) return;
    } catch (error) {
      this.arrived = undefined;
      this.end({ error });
      this.closeUnwatched();
      return;
    }
    this.arrived = undefined;
    this.chargedBytes += arrived.bytes;
    this.ahead.push(arrived);
  }

  private deliver(): void {
    while (this.consumers.length > 0) {
      const next = this.ahead.shift();
      if (next === undefined && (this.ending === undefined || this.arrived !== undefined)) return;
      const consumer = this.consumers.shift();
      if (next === undefined) this.tellEnding(consumer);
      else {
        this.handedBytes = next.bytes;
        consumer?.resolve({ done: false, value: next.item });
        // The next has been asked for already.
        if (this.consumers.length > 0) this.letGo();
      }
    }
  }

  private tellEnding(consumer: Consumer<Item> | undefined): void {
    const { ending } = this;
    const wasOver = this.isOver;
    this.isOver = true;
    this.signal?.removeEventListener('abort', this.abort);
    this.charge.free();
    if (ending === undefined || ending === 'exhausted' || wasOver) consumer?.resolve({ done: true, value: undefined });
    else consumer?.reject(ending.error);
  }

  private letGo(): void {
    if (this.handedBytes === undefined) return;
    this.charge.shrink(this.handedBytes);
    this.chargedBytes -= this.handedBytes;
    this.handedBytes = undefined;
  }

  /** What is in flight still goes to the consumer, and then how it ended. */
  private end(ending: Ending): void {
    this.ending ??= ending;
    this.deliver();
  }

  /** Nothing goes to the consumer any more. */
  private async endAtOnce(ending: Ending): Promise<void> {
    const isSourceOpen = this.ending === undefined;
    // The source may have had no more already, or failed: what it had read goes nowhere any more.
    this.ending = ending;
    this.ahead.clear();
    this.arrived = undefined;
    this.handedBytes = undefined;
    this.chargedBytes = 0;
    this.charge.free();
    this.deliver();
    if (isSourceOpen) await this.closeSource();
  }

  private async closeSource(): Promise<void> {
    await this.source.return?.();
  }

  /** As `endAtOnce` where nobody waits: the consumer is told of one error, not of another that closing gives. */
  private endUnwatched(ending: Ending): void {
    this.endAtOnce(ending).catch(() => {});
  }

  private closeUnwatched(): void {
    this.closeSource().catch(() => {});
  }
}
