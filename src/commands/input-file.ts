import { readFile, stat } from 'node:fs/promises';
import { MemtoolError } from '../errors.ts';

/** No file that is written by hand is as large. */
const BYTES_MAX = 1024 ** 2;

/** @throws MemtoolError `MEMTOOL_CANNOT_READ` */
export async function readInput(path: string): Promise<string> {
  try {
    const { size } = await stat(path);
    if (size > BYTES_MAX) throw new Error(`it has ${size} bytes, more than the ${BYTES_MAX} that are read`);
    return await readFile(path, 'utf8');
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new MemtoolError('MEMTOOL_CANNOT_READ', `${path} could not be read: ${reason}.`, {
      hint: 'Give the name of a JSON file.',
      cause,
    });
  }
}
