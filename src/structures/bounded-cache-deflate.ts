import { deflateRaw } from 'node:zlib';
import type { Packing } from './bounded-cache-entry.ts';
import { isWide } from './bounded-cache-size.ts';

/** Less is not worth the time that each later look at it takes. */
const SHARE_MAX = 0.9;
/** Of pages of JSON rows it leaves a fifth less than level 1, in up to twice its time: 43 us for 5 KB, on another thread. */
const LEVEL = 6;
const CHUNK_BYTES_MIN = 64;

/** A text or Buffer that may be compressed. */
export interface Packable {
  packing: Packing;
  /** What the text or Buffer has. */
  payloadBytes: number;
  /** More than this is no success. */
  packedBytesMax: number;
  /** What compressing it takes beside the value: its input and its output. */
  workBytes: number;
  input: () => Buffer;
}

/** @returns `undefined` for what is neither a text nor a Buffer */
export function packable(value: unknown): Packable | undefined {
  if (typeof value === 'string') {
    const packing = isWide(value) ? 'utf16le' : 'latin1';
    const payloadBytes = packing === 'latin1' ? value.length : 2 * value.length;
    return withBounds(packing, payloadBytes, () => Buffer.from(value, packing));
  }
  return Buffer.isBuffer(value) ? withBounds('buffer', value.length, () => value) : undefined;
}

function withBounds(packing: Packing, payloadBytes: number, input: () => Buffer): Packable {
  const packedBytesMax = Math.floor(payloadBytes * SHARE_MAX);
  return { packing, payloadBytes, packedBytesMax, workBytes: payloadBytes + packedBytesMax, input };
}

/** Compresses in a thread of libuv's. @returns `undefined` when it does not shrink enough; never rejects */
export function deflated({ input, packedBytesMax }: Packable): Promise<Buffer | undefined> {
  // One chunk for all there may be, and never more: so it is known beforehand what it takes.
  const chunkSize = Math.max(CHUNK_BYTES_MIN, packedBytesMax);
  return new Promise((resolve) => {
    deflateRaw(input(), { level: LEVEL, chunkSize, maxOutputLength: packedBytesMax }, (error, output) => {
      if (error !== null) return resolve(undefined);
      // The result is a part of the chunk and would keep all of it.
      const packed = Buffer.allocUnsafeSlow(output.length);
      output.copy(packed);
      resolve(packed);
    });
  });
}
