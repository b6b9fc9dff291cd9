import { MemtoolError } from '../errors.ts';

/** Bytes of a Buffer, or of a text in UTF-8. @throws MemtoolError `MEMTOOL_INVALID_OPTION` for anything else */
export function sizeOfBytes(item: unknown): number {
  if (typeof item === 'string') return Buffer.byteLength(item);
  if (ArrayBuffer.isView(item)) return item.byteLength;
  throw new MemtoolError('MEMTOOL_INVALID_OPTION', `The size of an item of type ${typeof item} is not known.`, {
    hint: 'Give sizeOf: (item) => bytes; an estimate will do.',
  });
}
