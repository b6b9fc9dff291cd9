import type { Writable } from 'node:stream';
import { parseBytes } from '../units.ts';
import type { SharedPayload } from './shared-payload.ts';
import { Subscriber, type DroppedPayloads, type Send } from './subscriber.ts';

export interface BroadcastOptions {
  /** What may wait for each subscriber, beside the one message it is taking. Default 1 MiB. */
  backlogBytes?: number | string;
  /** Told when messages were dropped because a subscriber is too slow: send it a fresh start, or let it go. */
  onDropped?: (subscriber: Subscriber, dropped: DroppedPayloads) => void;
}

const BACKLOG_BYTES_DEFAULT: number = 1024 * 1024;

/**
 * Sends payloads to many subscribers, each at its own pace. A subscriber takes one message at a time; what it does not keep up
 * with waits, up to `backlogBytes`, then the oldest is dropped.
 *
 * The oldest and not the newest, for the sake of memory too: what waits for all slow subscribers is then the same few
 * messages, each there once, however many subscribers and however slow.
 */
export class Broadcast {
  private readonly backlogBytes: number;
  private readonly onDropped: ((subscriber: Subscriber, dropped: DroppedPayloads) => void) | undefined;
  private readonly subscribers = new Set<Subscriber>();

  /** @throws MemtoolError `MEMTOOL_INVALID_OPTION` */
  constructor({ backlogBytes = BACKLOG_BYTES_DEFAULT, onDropped }: BroadcastOptions = {}) {
    this.backlogBytes = parseBytes(backlogBytes, 'backlogBytes');
    this.onDropped = onDropped;
  }

  /** Subscribers. */
  get size(): number {
    return this.subscribers.size;
  }

  /**
   * Adds a stream, such as a socket or a response, which leaves by itself when it closes; or a function that sends bytes and
   * calls back when they are taken, such as `(bytes, done) => webSocket.send(bytes, done)`, which leaves when it calls back
   * with an error. Errors of a stream remain its owner's.
   */
  add(target: Writable | Send): Subscriber {
    const subscriber = new Subscriber(target, this.backlogBytes, (left) => this.subscribers.delete(left));
    if (subscriber.isActive) this.subscribers.add(subscriber);
    return subscriber;
  }

  /**
   * Sends a message to all subscribers. Each takes a hold of its own: the caller's may be released at once.
   *
   * @throws MemtoolError `MEMTOOL_USE_AFTER_FREE`
   */
  send(payload: SharedPayload): void {
    for (const subscriber of this.subscribers) {
      const dropped = subscriber.take(payload.hold());
      if (dropped.count > 0) this.onDropped?.(subscriber, dropped);
    }
  }

  /** Removes all subscribers and releases what waits for them. The streams stay open. */
  close(): void {
    for (const subscriber of this.subscribers) subscriber.remove();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
