import { checksum } from './checksum.ts';
import { BLOCK_HEADER_BYTES, type BlockPlace } from './layout.ts';

/** @returns `undefined` when it does not fit */
export function encodeBlock(sequence: number, value: object, bytesMax: number): Buffer | undefined {
  const text = Buffer.from(JSON.stringify(value));
  if (BLOCK_HEADER_BYTES + text.length > bytesMax) return undefined;
  const block = Buffer.alloc(BLOCK_HEADER_BYTES + text.length);
  block.writeUInt32LE(sequence, 4);
  block.writeUInt32LE(text.length, 8);
  text.copy(block, BLOCK_HEADER_BYTES);
  block.writeUInt32LE(checksum(block.subarray(4)), 0);
  return block;
}

/** @returns `undefined` of what was never written, or is not whole */
export function decodeBlock(file: Buffer, { at, bytes }: BlockPlace): { sequence: number; value: unknown } | undefined {
  if (file.length < at + BLOCK_HEADER_BYTES) return undefined;
  const length = file.readUInt32LE(at + 8);
  const end = at + BLOCK_HEADER_BYTES + length;
  if (length === 0 || end > at + bytes || end > file.length) return undefined;
  if (file.readUInt32LE(at) !== checksum(file.subarray(at + 4, end))) return undefined;
  try {
    const value: unknown = JSON.parse(file.toString('utf8', at + BLOCK_HEADER_BYTES, end));
    return { sequence: file.readUInt32LE(at + 4), value };
  } catch {
    return undefined;
  }
}

/** Of two copies the newer one that is whole. */
export function decodeNewest(file: Buffer, copies: readonly BlockPlace[]): unknown {
  const found = copies.map((place) => decodeBlock(file, place)).filter((block) => block !== undefined);
  return found.toSorted((a, b) => b.sequence - a.sequence)[0]?.value;
}
