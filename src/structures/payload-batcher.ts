import { MemtoolError } from '../errors.ts';
import type { MemoryPool } from '../memory/pool.ts';
import type { ReserveOptions } from '../memory/pool-options.ts';
import { parseBytes } from '../units.ts';
import { Charge } from './charge.ts';
import { encodedBytes, jsonOf, writeEncoded, type Encoded } from './encoding.ts';
import { countOption } from './options.ts';
import { SharedPayload } from './shared-payload.ts';

/** What stands around and between the changes of one message. */
export interface Framing {
  before: string;
  between: string;
  after: string;
}

export interface PayloadBatcherOptions<Change> extends ReserveOptions {
  pool: MemoryPool;
  /**
   * Gets each message with the number of its changes. The batcher releases its own hold when this returns: take a `hold()`
   * for whatever goes on longer; `writeTo` and `Broadcast.send` do.
   */
  onMessage: (message: SharedPayload, changes: number) => void;
  /** How long the first change of a message may wait. Default 50. */
  intervalMs?: number;
  /** Default 1000. */
  maxChanges?: number;
  /** What a message may have, framing included; one change alone may have more. Default 64 KiB. */
  maxBytes?: number | string;
  /** Of the changes with the same key only the latest is sent, where that one stands. Default: all are. */
  keyOf?: (change: Change) => unknown;
  /** Of one change. Default: JSON. */
  encode?: (change: Change) => Encoded;
  /** Default: a JSON array. For lines of JSON: `{ before: '', between: '\n', after: '\n' }`. */
  framing?: Framing;
}

interface Part {
  encoded: Encoded;
  bytes: number;
}

const JSON_ARRAY: Framing = { before: '[', between: ',', after: ']' };
const MAX_BYTES_DEFAULT: number = 64 * 1024;

/**
 * Makes one message of several changes: of what comes within `intervalMs`, up to `maxChanges` and `maxBytes`, whichever is
 * first. Each change is encoded when it comes, and its bytes are charged then: so a message is never refused once its
 * changes were taken, and no object of the application is kept.
 */
export class PayloadBatcher<Change> {
  private readonly onMessage: (message: SharedPayload, changes: number) => void;
  private readonly intervalMs: number;
  private readonly maxChanges: number;
  private readonly maxBytes: number;
  private readonly keyOf: ((change: Change) => unknown) | undefined;
  private readonly encode: (change: Change) => Encoded;
  private readonly framing: Framing;
  private readonly edgeBytes: number;
  private readonly betweenBytes: number;
  private readonly charge: Charge;
  private parts = new Map<unknown, Part>();
  private bytes = 0;
  private timer: NodeJS.Timeout | undefined;
  private isClosed = false;

  /** @throws MemtoolError `MEMTOOL_INVALID_OPTION` */
  constructor(options: PayloadBatcherOptions<Change>) {
    const { pool, onMessage, keyOf, encode = jsonOf, framing = JSON_ARRAY } = options;
    this.onMessage = onMessage;
    this.intervalMs = countOption(options.intervalMs ?? 50, 'intervalMs', 0);
    this.maxChanges = countOption(options.maxChanges ?? 1000, 'maxChanges', 1);
    this.maxBytes = parseBytes(options.maxBytes ?? MAX_BYTES_DEFAULT, 'maxBytes');
    this.keyOf = keyOf;
    this.encode = encode;
    this.framing = framing;
    this.edgeBytes = Buffer.byteLength(framing.before) + Buffer.byteLength(framing.after);
    this.betweenBytes = Buffer.byteLength(framing.between);
    this.charge = new Charge(pool, options);
  }

  /** Changes that wait. */
  get pendingChanges(): number {
    return this.parts.size;
  }

  /** Bytes of the message that waits, as charged. */
  get pendingBytes(): number {
    return this.bytes;
  }

  /**
   * Takes a change; it may send what waits, and this change with it.
   *
   * @returns false when a limit does not allow it: the change was not taken, and what waits is as it was
   * @throws MemtoolError `MEMTOOL_CLOSED`, and whatever `encode`, `keyOf` or `onMessage` throws
   */
  add(change: Change): boolean {
    if (this.isClosed) {
      throw new MemtoolError('MEMTOOL_CLOSED', 'The batcher was closed and takes no more changes.', {
        hint: 'Close it when nothing adds to it any more.',
      });
    }
    const encoded = this.encode(change);
    const part = { encoded, bytes: encodedBytes(encoded) };
    const key = this.keyOf === undefined ? part : this.keyOf(change);
    if (this.parts.size > 0 && this.bytes + this.growth(key, part) > this.maxBytes) this.flush();
    const growth = this.growth(key, part);
    if (growth < 0) this.charge.shrink(-growth);
    else if (!this.charge.tryGrow(growth)) return false;
    this.bytes += growth;
    this.parts.delete(key);
    this.parts.set(key, part);
    if (this.parts.size >= this.maxChanges || this.bytes >= this.maxBytes) this.flush();
    else this.timer ??= setTimeout(() => this.flush(), this.intervalMs).unref();
    return true;
  }

  /** Sends what waits. @returns the number of changes */
  flush(): number {
    clearTimeout(this.timer);
    this.timer = undefined;
    const { parts } = this;
    const reservation = this.charge.take();
    if (reservation === undefined) return 0;
    const message = SharedPayload.of(this.join(), reservation);
    this.parts = new Map();
    this.bytes = 0;
    try {
      this.charge.run(() => this.onMessage(message, parts.size));
    } finally {
      message.release();
    }
    return parts.size;
  }

  /** Sends what waits and takes no more. Closing again does nothing. */
  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.flush();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** By how much the message grows with this part. */
  private growth(key: unknown, { bytes }: Part): number {
    const replaced = this.parts.get(key);
    if (replaced !== undefined) return bytes - replaced.bytes;
    return bytes + (this.parts.size === 0 ? this.edgeBytes : this.betweenBytes);
  }

  private join(): Buffer {
    const { before, between, after } = this.framing;
    const joined = Buffer.allocUnsafeSlow(this.bytes);
    let offset = 0;
    let separator = before;
    for (const { encoded } of this.parts.values()) {
      offset += joined.write(separator, offset);
      offset += writeEncoded(encoded, joined, offset);
      separator = between;
    }
    joined.write(after, offset);
    return joined;
  }
}
