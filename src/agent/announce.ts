import { isMainThread, threadId } from 'node:worker_threads';
import { ownIdentity, UNKNOWN_TIDS, type ThreadIdentity } from '../memory/threads/thread-id.ts';
import { channelOf, openChannel, WHO_IS_THERE, type Channel } from './channel.ts';
import { readRequest } from './channel-message.ts';
import { LocalManagers } from './local-managers.ts';
import type { Announcement, ThreadMessage } from './messages.ts';
import { onProcessExit } from './process-exit.ts';
import { Responder } from './responder.ts';
import { runOutside } from './run-outside.ts';

/** One a thread, however many copies of memtool are loaded. */
const THREAD_KEY: unique symbol = Symbol.for('memtool.thread');

/**
 * In a worker thread of the application: makes the managers of the thread known to the agent, whichever of them comes
 * first, and does there what the agent asks. Does nothing in the main thread, and next to nothing before there is a manager.
 * Never throws, prints or keeps the thread alive.
 */
export function announceManagers(): void {
  if (isMainThread || THREAD_KEY in globalThis) return;
  Object.defineProperty(globalThis, THREAD_KEY, { value: { version: 1 } });
  new Announcer().start();
}

class Announcer {
  readonly #managers = new LocalManagers();
  readonly #responder = new Responder(this.#managers.byId, (message) => this.#tell(message));
  #link: { identity: ThreadIdentity; channel: Channel } | undefined;

  start(): void {
    this.#announceAll();
    // At once and not a turn later: a thread that goes on into an endless loop would never get to it.
    this.#managers.follow((message) => this.#tell(message));
  }

  #announceAll(): void {
    for (const manager of this.#managers.list()) this.#tell({ kind: 'manager-added', ...manager });
  }

  #tell(message: ThreadMessage): void {
    try {
      runOutside(() => {
        this.#link ??= this.#connect();
        const { identity, channel } = this.#link;
        channel.post({ threadId, identity, message } satisfies Announcement);
      });
    } catch {
      // It is not the application's business; without a channel its managers are merely not shown.
    }
  }

  #receive(data: unknown): void {
    if (data === WHO_IS_THERE) {
      this.#announceAll();
      return;
    }
    const request = readRequest(data, threadId);
    if (request) this.#responder.receive(request);
  }

  #connect(): { identity: ThreadIdentity; channel: Channel } {
    const channel = openChannel(channelOf(threadId), (data) => this.#receive(data));
    const identity = ownIdentity();
    // Where the system does not show that a thread has ended, one that ends by itself says so; one that is terminated cannot.
    if (identity.tid >= UNKNOWN_TIDS) {
      onProcessExit(() => {
        for (const { id } of this.#managers.list()) this.#tell({ kind: 'manager-removed', id });
      });
    }
    return { identity, channel };
  }
}
