/** The guard's second life: closes the inspector that a memtool which ended half-way had a process open. */
import { setTimeout as sleep } from 'node:timers/promises';
import { processStartTime } from '../../protocol.ts';
import { CLOSING } from './injection.ts';
import { InspectorClient } from './inspector-client.ts';
import { ownListeners } from './listeners.ts';

/** A main thread that is inside a native call for longer than this is given up. */
const GIVE_UP_MS = 600_000;
/**
 * What we had sent before we ended closes the inspector by itself, in milliseconds. To come with another connection at that very
 * moment is what Node 20 does not survive (SIGSEGV in 1 of 30 runs).
 */
const FIRST_WAIT_MS = 2000;
const POLL_MS = 20;
const WAIT_MS_MAX = 1000;
const CONNECT_MS = 2000;

async function close(pid: number, startTime: string, known: ReadonlySet<string>): Promise<void> {
  const until = performance.now() + GIVE_UP_MS;
  let waitMs = POLL_MS;
  await sleep(FIRST_WAIT_MS);
  while (performance.now() < until && processStartTime(pid) === startTime) {
    for (const { inode, port } of ownListeners(pid)) {
      if (known.has(inode)) continue;
      // What was sent is not lost while the main thread is inside a native call.
      if (await say(port)) return;
    }
    await sleep(waitMs);
    waitMs = Math.min(waitMs * 1.1, WAIT_MS_MAX);
  }
}

async function say(port: number): Promise<boolean> {
  try {
    const client = await InspectorClient.open(port, CONNECT_MS);
    await client.evaluateLast(CLOSING, CONNECT_MS);
    return true;
  } catch {
    // It is something else, or it has closed meanwhile.
    return false;
  }
}

const [pid = '', startTime = '', known = ''] = process.argv.slice(2);
void close(Number(pid), startTime, new Set(known.split(',')));
