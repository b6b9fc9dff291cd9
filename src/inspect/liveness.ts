import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** A process as one life of a pid: a pid that was given out again is another process. */
export interface Life {
  pid: number;
  /** Clock ticks since boot; `0` where there is no /proc. */
  startTime: string;
}

const STATE_FIELD = 0;
const START_TIME_FIELD = 19;

/** How long a dying process may take to leave /proc after its sockets closed. */
const VANISH_POLL_MS = 20;
const VANISH_POLLS_MAX = 15;

/** Whether this very process still runs; one that has exited and waits for its parent (a zombie) does not. */
export function isAlive({ pid, startTime }: Life): boolean {
  if (startTime === '0') return pidExists(pid);
  const fields = readStat(pid);
  if (!fields) return false;
  const state = fields[STATE_FIELD];
  return fields[START_TIME_FIELD] === startTime && state !== 'Z' && state !== 'X';
}

/** Whether any process has this pid, ours or not. */
export function pidExists(pid: number): boolean {
  try {
    // Signal 0 is no signal: the system only checks the pid.
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/** Waits a bounded moment for a process that seems to be dying: its sockets close a little before it leaves /proc. */
export async function vanishes(life: Life): Promise<boolean> {
  for (let poll = 0; poll < VANISH_POLLS_MAX; poll += 1) {
    if (!isAlive(life)) return true;
    await sleep(VANISH_POLL_MS);
  }
  return !isAlive(life);
}

function readStat(pid: number): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The second field is the command in parentheses and may itself hold spaces and parentheses.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}
