import type { Writable } from 'node:stream';
import { Queue } from './queue.ts';
import type { SharedPayload } from './shared-payload.ts';

/** Sends bytes and calls `done` once they are taken, or with an error when they cannot be. */
export type Send = (bytes: Buffer, done: (error?: Error | null) => void) => void;

/** Messages that a subscriber was too slow for. */
export interface DroppedPayloads {
  count: number;
  bytes: number;
}

/** One receiver of a `Broadcast`: the message it is taking, and those that wait. */
export class Subscriber {
  /** What `add` was given. */
  readonly target: Writable | Send;
  /** All that it was too slow for. */
  readonly dropped: DroppedPayloads = { count: 0, bytes: 0 };
  private readonly backlogBytesMax: number;
  private readonly onLeft: (subscriber: Subscriber) => void;
  private readonly send: Send;
  private readonly leave = (): void => this.remove();
  private readonly waiting = new Queue<SharedPayload>();
  private waitingBytes = 0;
  private taking: SharedPayload | undefined;
  private isSending = false;
  private isActiveNow: boolean;

  /** @internal */
  constructor(target: Writable | Send, backlogBytesMax: number, onLeft: (subscriber: Subscriber) => void) {
    this.target = target;
    this.backlogBytesMax = backlogBytesMax;
    this.onLeft = onLeft;
    if (typeof target === 'function') {
      this.send = target;
      this.isActiveNow = true;
    } else {
      this.send = (bytes, done) => {
        // Writing to a stream that has ended would make it fail.
        if (target.writable) target.write(bytes, done);
        else this.remove();
      };
      this.isActiveNow = target.writable;
      if (this.isActiveNow) target.once('close', this.leave);
    }
  }

  /** Whether it still gets messages: neither removed nor closed. */
  get isActive(): boolean {
    return this.isActiveNow;
  }

  /** Bytes that wait for it, without the message it is taking. */
  get backlogBytes(): number {
    return this.waitingBytes;
  }

  /** Takes no more messages, and releases what waits. The stream stays open. Removing again does nothing. */
  remove(): void {
    if (!this.isActiveNow) return;
    this.isActiveNow = false;
    if (typeof this.target !== 'function') this.target.off('close', this.leave);
    while (this.waiting.length > 0) this.nextWaiting()?.release();
    // The system may still be writing these bytes; they stay whole, since a payload's bytes are never used again.
    this.taking?.release();
    this.taking = undefined;
    this.onLeft(this);
  }

  /** Takes over a hold. @returns what had to be dropped for it, be it itself @internal */
  take(payload: SharedPayload): DroppedPayloads {
    const dropped = { count: 0, bytes: 0 };
    // One that is removed while a message goes round, from a callback of another.
    if (!this.isActiveNow) {
      payload.release();
      return dropped;
    }
    if (this.taking !== undefined && payload.size > this.backlogBytesMax) {
      this.drop(payload, dropped);
      return dropped;
    }
    this.waiting.push(payload);
    this.waitingBytes += payload.size;
    this.sendNext();
    while (this.waitingBytes > this.backlogBytesMax) this.drop(this.nextWaiting(), dropped);
    return dropped;
  }

  /** Sends one after the other, for as long as what it sends to calls back at once. */
  private sendNext(): void {
    if (this.isSending) return;
    this.isSending = true;
    try {
      while (this.isActiveNow && this.taking === undefined) {
        const payload = this.nextWaiting();
        if (payload === undefined) break;
        this.taking = payload;
        this.sendOne(payload);
      }
    } finally {
      this.isSending = false;
    }
  }

  private sendOne(payload: SharedPayload): void {
    try {
      this.send(payload.bytes, (error) => this.taken(payload, error));
    } catch {
      // One that cannot be sent to must not keep the message from the others.
      this.remove();
    }
  }

  private taken(payload: SharedPayload, error: Error | null | undefined): void {
    // Called twice, or after it was removed.
    if (this.taking !== payload) return;
    // Of a stream that failed the rest cannot be sent either.
    if (error !== undefined && error !== null) return this.remove();
    this.taking = undefined;
    payload.release();
    this.sendNext();
  }

  private nextWaiting(): SharedPayload | undefined {
    const payload = this.waiting.shift();
    this.waitingBytes -= payload?.size ?? 0;
    return payload;
  }

  private drop(payload: SharedPayload | undefined, dropped: DroppedPayloads): void {
    if (payload === undefined) return;
    for (const sum of [dropped, this.dropped]) {
      sum.count += 1;
      sum.bytes += payload.size;
    }
    payload.release();
  }
}
