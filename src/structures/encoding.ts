import { MemtoolError } from '../errors.ts';

/** What an encoder may return: text, which is sent as UTF-8, or bytes. */
export type Encoded = string | Uint8Array;

/** @throws MemtoolError `MEMTOOL_INVALID_OPTION` for what has no JSON: `undefined`, a function, a symbol */
export function jsonOf(value: unknown): string {
  const json: unknown = JSON.stringify(value);
  if (typeof json === 'string') return json;
  throw new MemtoolError('MEMTOOL_INVALID_OPTION', `A value of type ${typeof value} has no JSON.`, {
    hint: 'Give a value that JSON.stringify turns into text, or an encode function.',
  });
}

/** @throws MemtoolError `MEMTOOL_INVALID_OPTION` for what is neither text nor bytes */
export function encodedBytes(encoded: Encoded): number {
  if (typeof encoded === 'string') return Buffer.byteLength(encoded);
  if (encoded instanceof Uint8Array) return encoded.byteLength;
  throw new MemtoolError('MEMTOOL_INVALID_OPTION', `encode returned a value of type ${typeof encoded}.`, {
    hint: 'Return a string, or a Uint8Array such as a Buffer.',
  });
}

/** A Buffer that keeps nothing alive but its own bytes. */
export function ownBuffer(encoded: Encoded): Buffer {
  if (typeof encoded !== 'string' && encoded.byteLength === encoded.buffer.byteLength)
    return Buffer.from(encoded.buffer, 0, encoded.byteLength);
  // Not Buffer.from: up to 4 KiB it cuts from a slab of 8 KiB, which then lives as long as the smallest message in it.
  const bytes = Buffer.allocUnsafeSlow(encodedBytes(encoded));
  writeEncoded(encoded, bytes, 0);
  return bytes;
}

/** @returns the bytes that were written */
export function writeEncoded(encoded: Encoded, target: Buffer, offset: number): number {
  if (typeof encoded === 'string') return target.write(encoded, offset);
  target.set(encoded, offset);
  return encoded.byteLength;
}
