import { MemtoolError } from '../../errors.ts';
import type { Charge } from '../charge.ts';

/*
 * Each text is there once, as UTF-8, in a slot of a chunk of 16 KiB:
 *
 *     | hash 4 | uses 4 | next 4 | length 4 | the bytes ... | unused, up to the slot's size |
 *
 * A handle is 1 + the slot's place in units of 8 bytes; 0 is the empty text, which has no slot.
 *
 * Invariants: a slot that is in use is in the chain of its hash, linked through `next`; one that is free is in the list of its
 * size, likewise. Sizes are multiples of 8 up to 128, and above that of an eighth of the power of two below: so no slot is
 * more than an eighth larger than it must be, and few sizes have many slots rather than many sizes few.
 */

const UNIT_SHIFT = 3;
const UNIT_BYTES: number = 2 ** UNIT_SHIFT;
const HEADER_BYTES = 16;
const HASH = 0;
const USES = 4;
const NEXT = 8;
const LENGTH = 12;
const CHUNK_BYTES: number = 16 * 1024;
const CHUNK_UNITS: number = CHUNK_BYTES / UNIT_BYTES;
const CHAINS_MIN = 64;
/** So long that little of a chunk can be left over at its end. */
export const TEXT_BYTES_MAX = 2000;

/** Up to here a loop is faster than a call into the runtime, which takes about 100 ns. */
const SHORT = 48;

/** Where a text is encoded before it is looked for. */
const scratch: Buffer = Buffer.allocUnsafeSlow(TEXT_BYTES_MAX);

interface TextChunk {
  bytes: Buffer;
  view: DataView;
}

/** The texts of a table, each once with the count of its uses. */
export class Texts {
  private readonly charge: Charge;
  private chunks: TextChunk[] = [];
  /** Units of the last chunk that were handed out. */
  private unitsUsed: number = CHUNK_UNITS;
  /** The first free slot of each size, by units. */
  private readonly free = new Map<number, number>();
  /** The first text of each chain. */
  private chains = new Uint32Array(0);
  private count = 0;

  constructor(charge: Charge) {
    this.charge = charge;
  }

  /** Different texts. */
  get size(): number {
    return this.count;
  }

  get usedBytes(): number {
    return this.chunks.length * CHUNK_BYTES + this.chains.byteLength;
  }

  /** @throws MemtoolError `MEMTOOL_INVALID_SIZE` for what is too long */
  static check(text: string): void {
    // Of UTF-8 a code unit takes three bytes at most: most texts need not be counted.
    if (text.length * 3 <= TEXT_BYTES_MAX || Buffer.byteLength(text) <= TEXT_BYTES_MAX) return;
    throw new MemtoolError(
      'MEMTOOL_INVALID_SIZE',
      `A text of ${Buffer.byteLength(text)} bytes is too long for a table.`,
      {
        hint: `Give at most ${TEXT_BYTES_MAX} bytes in UTF-8; keep what is longer elsewhere, and its number in the table.`,
      },
    );
  }

  /** One use more of a text that `check` allows. @returns its handle; `undefined` when the pool has no room for it */
  use(text: string): number | undefined {
    if (text === '') return 0;
    const length = encode(text);
    const hash = hashOf(length);
    const known = this.find(hash, length);
    if (known !== 0) {
      const { view } = this.chunkOf(known);
      const at = placeOf(known);
      view.setUint32(at + USES, view.getUint32(at + USES, true) + 1, true);
      return known;
    }
    const handle = this.hasChains() ? this.take(slotUnits(length)) : undefined;
    if (handle !== undefined) this.enter(handle, hash, length);
    // A refusal leaves nothing behind.
    else if (this.count === 0) this.clear();
    return handle;
  }

  text(handle: number): string {
    if (handle === 0) return '';
    const { bytes, view } = this.chunkOf(handle);
    const at = placeOf(handle);
    const from = at + HEADER_BYTES;
    return bytes.toString('utf8', from, from + view.getUint32(at + LENGTH, true));
  }

  /** One use less; with the last one its slot is free. */
  release(handle: number): void {
    if (handle === 0) return;
    const { view } = this.chunkOf(handle);
    const at = placeOf(handle);
    const uses = view.getUint32(at + USES, true) - 1;
    view.setUint32(at + USES, uses, true);
    if (uses > 0) return;
    this.unchain(handle, view.getUint32(at + HASH, true));
    this.count -= 1;
    if (this.count === 0) return this.clear();
    const units = slotUnits(view.getUint32(at + LENGTH, true));
    view.setUint32(at + NEXT, this.free.get(units) ?? 0, true);
    this.free.set(units, handle);
  }

  /** Gives all memory back. */
  clear(): void {
    this.charge.shrink(this.usedBytes);
    this.chunks = [];
    this.unitsUsed = CHUNK_UNITS;
    this.free.clear();
    this.chains = new Uint32Array(0);
    this.count = 0;
  }

  /** The handle of the text in `scratch`, or 0. */
  private find(hash: number, length: number): number {
    let handle = this.chains[hash & (this.chains.length - 1)] ?? 0;
    while (handle !== 0) {
      const { bytes, view } = this.chunkOf(handle);
      const at = placeOf(handle);
      if (view.getUint32(at + HASH, true) === hash && view.getUint32(at + LENGTH, true) === length) {
        if (isInScratch(bytes, at + HEADER_BYTES, length)) return handle;
      }
      handle = view.getUint32(at + NEXT, true);
    }
    return 0;
  }

  private enter(handle: number, hash: number, length: number): void {
    const { bytes, view } = this.chunkOf(handle);
    const at = placeOf(handle);
    const chain = hash & (this.chains.length - 1);
    view.setUint32(at + HASH, hash, true);
    view.setUint32(at + USES, 1, true);
    view.setUint32(at + NEXT, this.chains[chain] ?? 0, true);
    view.setUint32(at + LENGTH, length, true);
    scratch.copy(bytes, at + HEADER_BYTES, 0, length);
    this.chains[chain] = handle;
    this.count += 1;
  }

  private unchain(handle: number, hash: number): void {
    const chain = hash & (this.chains.length - 1);
    const after = this.next(handle);
    let before = this.chains[chain] ?? 0;
    if (before === handle) {
      this.chains[chain] = after;
      return;
    }
    while (this.next(before) !== handle) before = this.next(before);
    this.setNext(before, after);
  }

  /** A free slot of this size, or the next of the last chunk, or of a new one. */
  private take(units: number): number | undefined {
    const freed = this.free.get(units) ?? 0;
    if (freed !== 0) {
      this.free.set(units, this.next(freed));
      return freed;
    }
    if (this.unitsUsed + units > CHUNK_UNITS) {
      if (!this.charge.tryGrow(CHUNK_BYTES)) return undefined;
      const bytes = Buffer.allocUnsafeSlow(CHUNK_BYTES);
      this.chunks.push({ bytes, view: new DataView(bytes.buffer) });
      this.unitsUsed = 0;
    }
    const handle = (this.chunks.length - 1) * CHUNK_UNITS + this.unitsUsed + 1;
    this.unitsUsed += units;
    return handle;
  }

  /** About as many chains as texts. When there is no room for more of them they get longer. @returns false without any */
  private hasChains(): boolean {
    const { chains, count } = this;
    if (count < chains.length) return true;
    const length = Math.max(CHAINS_MIN, chains.length * 2);
    const growth = (length - chains.length) * Uint32Array.BYTES_PER_ELEMENT;
    if (!this.charge.tryGrow(growth)) return chains.length > 0;
    this.chains = new Uint32Array(length);
    for (let handle of chains) {
      while (handle !== 0) {
        const next = this.next(handle);
        const chain = this.chunkOf(handle).view.getUint32(placeOf(handle) + HASH, true) & (length - 1);
        this.setNext(handle, this.chains[chain] ?? 0);
        this.chains[chain] = handle;
        handle = next;
      }
    }
    return true;
  }

  private next(handle: number): number {
    return this.chunkOf(handle).view.getUint32(placeOf(handle) + NEXT, true);
  }

  private setNext(handle: number, next: number): void {
    this.chunkOf(handle).view.setUint32(placeOf(handle) + NEXT, next, true);
  }

  private chunkOf(handle: number): TextChunk {
    const chunk = this.chunks[Math.floor((handle - 1) / CHUNK_UNITS)];
    if (chunk === undefined) throw new RangeError(`there is no text ${handle}`);
    return chunk;
  }
}

/** Where the slot of a handle begins in its chunk. */
function placeOf(handle: number): number {
  return ((handle - 1) % CHUNK_UNITS) << UNIT_SHIFT;
}

function slotUnits(length: number): number {
  const units = Math.ceil((HEADER_BYTES + length) / UNIT_BYTES);
  if (units <= 16) return units;
  const step = 2 ** (Math.floor(Math.log2(units)) - 3);
  return Math.ceil(units / step) * step;
}

/** Writes a text to `scratch`. @returns its length in bytes */
function encode(text: string): number {
  const { length } = text;
  if (length > SHORT) return scratch.write(text);
  for (let index = 0; index < length; index += 1) {
    const code = text.charCodeAt(index);
    if (code >= 0x80) return scratch.write(text);
    scratch[index] = code;
  }
  return length;
}

function isInScratch(bytes: Buffer, from: number, length: number): boolean {
  if (length > SHORT) return bytes.compare(scratch, 0, length, from, from + length) === 0;
  for (let index = 0; index < length; index += 1) if (bytes[from + index] !== scratch[index]) return false;
  return true;
}

/** FNV-1a of what is in `scratch`. */
function hashOf(length: number): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < length; index += 1) hash = Math.imul(hash ^ (scratch[index] ?? 0), 0x01000193);
  return hash >>> 0;
}
