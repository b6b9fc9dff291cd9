import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** An abstract socket: of this network namespace, as the port is, and gone with whoever holds it. */
const NAME = '\0memtool-attach';
const POLL_MS = 10;

/**
 * Waits until no other memtool is attaching: two at once would want the same port.
 *
 * @returns what releases it; `undefined` when time is over
 */
export async function takeLock(timeoutMs: number): Promise<(() => void) | undefined> {
  const until = performance.now() + timeoutMs;
  for (;;) {
    const server = createServer().unref();
    const isTaken = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false));
      server.listen({ path: NAME }, () => resolve(true));
    });
    if (isTaken) return () => void server.close();
    if (performance.now() > until) return undefined;
    await sleep(POLL_MS);
  }
}
