import { MemtoolError } from '../../errors.ts';

export function badSnapshot(problem: string): MemtoolError {
  return new MemtoolError('MEMTOOL_BAD_ANSWER', `The heap snapshot cannot be used: ${problem}.`, {
    hint: 'Try again; if it stays, this version of Node.js writes snapshots that memtool does not know.',
  });
}
