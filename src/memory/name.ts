import { MemtoolError } from '../errors.ts';

export const NAME_CHARACTERS_MAX = 100;

/**
 * @param what whose name it is, for the message: `A pool`
 * @param bytesMax in UTF-8, where the ledger must hold all of it
 * @throws MemtoolError `MEMTOOL_INVALID_OPTION`
 */
export function checkName(name: unknown, what: string, bytesMax: number = Infinity): void {
  const isText = typeof name === 'string';
  if (isText && name.length > 0 && name.length <= NAME_CHARACTERS_MAX && Buffer.byteLength(name) <= bytesMax) return;
  const bytes = bytesMax === Infinity ? '' : `, and at most ${bytesMax} bytes in UTF-8`;
  throw new MemtoolError('MEMTOOL_INVALID_OPTION', `${what} cannot be called ${shown(name)}.`, {
    hint: `Give a text of 1 to ${NAME_CHARACTERS_MAX} characters${bytes}.`,
  });
}

/** By its type only: not everything has a text. */
function shown(name: unknown): string {
  if (typeof name === 'string') return JSON.stringify(name);
  return name === null ? 'null' : `a value of type ${typeof name}`;
}
