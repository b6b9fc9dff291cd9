import { readFileSync, readlinkSync } from 'node:fs';
import { threadId } from 'node:worker_threads';

/** What tells a thread from all others, dead and to come. */
export interface ThreadIdentity {
  /** Its id in the system; above `UNKNOWN_TIDS` where the system does not say. */
  tid: number;
  startTicks: number;
}

/** Without /proc a thread has a number of ours, and nobody can see that it died: only that it said goodbye. */
export const UNKNOWN_TIDS = 0x4000_0000;
/** Of a thread that said goodbye. */
export const LEFT_TID = 0x7fff_ffff;

/** Of the thread that calls. */
export function ownIdentity(): ThreadIdentity {
  try {
    const tid = Number(readlinkSync('/proc/thread-self').split('/').at(-1));
    const startTicks = readStartTicks(tid);
    if (Number.isInteger(tid) && tid > 0 && startTicks !== undefined) return { tid, startTicks };
  } catch {
    // No /proc: macOS, Windows, or a sandbox.
  }
  return { tid: UNKNOWN_TIDS + threadId, startTicks: 0 };
}

/**
 * Whether a thread of this process runs. Its entry in /proc goes when the last of its code has run: at most 3 ms after
 * `terminate()` was called (Node 20 to 26). In doubt it is alive.
 */
export function isAlive({ tid, startTicks }: ThreadIdentity): boolean {
  if (tid >= UNKNOWN_TIDS) return tid !== LEFT_TID;
  const found = readStartTicks(tid);
  return found !== undefined && (found === startTicks || startTicks === 0);
}

/** `undefined` when there is no such thread (17 us). @throws when the system refuses to say */
function readStartTicks(tid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/self/task/${tid}/stat`, 'latin1');
    // The name of the thread, in brackets, may hold anything; start time is the 20th field after it.
    // In 32 bits, as the ledger keeps it.
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]) | 0;
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH'))
      return undefined;
    return 0;
  }
}
