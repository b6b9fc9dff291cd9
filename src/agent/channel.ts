/**
 * How the agent and the worker threads of the application find each other: there is nobody to hand them a port, and
 * anybody may open a channel of any name. What comes over one has to be checked: see channel-message.ts.
 *
 *     a worker's thread  --  managers that come and go, answers    -->  the agent
 *                        <-- who is there? requests to one thread  --
 *
 * A thread talks over the channel that its id gives, and the agent listens on all of them; two threads share one only when
 * their ids are a multiple of `CHANNELS` apart. Over one channel for all, every message would wake every thread, and one in an
 * endless loop would gather what the others say, ledgers and all. A channel that is closed after each message would not help:
 * until the event loop turns it is still sent what others say (a message took 0.1 ms at first, 2 ms after 5,000 without a
 * turn, and all of them 500 MB).
 *
 * Invariant: both sides listen before they speak, so whoever comes later finds the other.
 */
import { BroadcastChannel } from 'node:worker_threads';

/** To be raised with any change that the other side would misread. */
const PROTOCOL_VERSION = 1;

/** The agent opens them in 1 ms; each takes 2-20 KB, and nothing while nobody speaks. */
export const CHANNELS = 64;

/** What the agent says to all. */
export const WHO_IS_THERE = 'who is there?';

export interface Channel {
  /** Sends to those who listen now (1.4 us); without any it is gone. */
  post(message: unknown): void;
}

export function channelOf(threadId: number): number {
  return threadId % CHANNELS;
}

/** Calls back for each message of others, as long as the thread lives and without keeping it alive. */
export function openChannel(index: number, receive: (message: unknown) => void): Channel {
  const name = `memtool/${PROTOCOL_VERSION}/${index}`;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- its types leave `unref` out, which all versions have
  const channel = new BroadcastChannel(name) as BroadcastChannel & { unref(): void };
  channel.addEventListener('message', (event) => receive('data' in event ? event.data : undefined));
  channel.unref();
  return { post: (message) => channel.postMessage(message) };
}
