import type { Socket } from 'node:net';

export interface ConnectionLimits {
  /** Beyond it the oldest connection that has not asked yet is dropped. */
  openMax: number;
  /** To send the whole request. */
  requestTimeoutMs: number;
  /** To read the whole answer. */
  answerTimeoutMs: number;
  /** Of answers that nobody has read yet, over all connections. */
  unreadBytesMax: number;
}

export const CONNECTION_LIMITS: ConnectionLimits = {
  openMax: 256,
  requestTimeoutMs: 5000,
  answerTimeoutMs: 10_000,
  unreadBytesMax: 16 * 1024 * 1024,
};

/** `asking` until its request is complete, `waiting` while the agent works, `reading` while it takes the answer. */
type Phase = 'asking' | 'waiting' | 'reading';

interface Connection {
  phase: Phase;
  unreadBytes: number;
  timer: NodeJS.Timeout | undefined;
}

/** Keeps clients that do not play their part from costing more than a bounded number of descriptors, bytes and seconds. */
export class Connections {
  readonly #limits: ConnectionLimits;
  /** In the order of their arrival. */
  readonly #open = new Map<Socket, Connection>();
  readonly #onRequestTimeout: (socket: Socket) => void;

  constructor(onRequestTimeout: (socket: Socket) => void, limits: ConnectionLimits = CONNECTION_LIMITS) {
    this.#onRequestTimeout = onRequestTimeout;
    this.#limits = limits;
  }

  /** @returns `false` when there is no room and nobody to be dropped for it. */
  accept(socket: Socket): boolean {
    if (this.#open.size >= this.#limits.openMax && !this.#dropOldest('asking')) return false;
    const timer = setTimeout(() => this.#onRequestTimeout(socket), this.#limits.requestTimeoutMs);
    this.#open.set(socket, { phase: 'asking', unreadBytes: 0, timer });
    socket.once('close', () => {
      clearTimeout(this.#open.get(socket)?.timer);
      this.#open.delete(socket);
    });
    return true;
  }

  /** The request is complete. @returns `false` when it is not the first: one connection, one answer. */
  asked(socket: Socket): boolean {
    const connection = this.#open.get(socket);
    if (connection?.phase !== 'asking') return false;
    clearTimeout(connection.timer);
    connection.phase = 'waiting';
    return true;
  }

  isAsking(socket: Socket): boolean {
    return this.#open.get(socket)?.phase === 'asking';
  }

  /** An answer of so many bytes is about to be written. */
  answering(socket: Socket, bytes: number): void {
    const connection = this.#open.get(socket);
    if (!connection) return;
    clearTimeout(connection.timer);
    connection.phase = 'reading';
    connection.timer = setTimeout(() => socket.destroy(), this.#limits.answerTimeoutMs);
    while (this.#unreadBytes() + bytes > this.#limits.unreadBytesMax && this.#dropOldest('reading', socket));
    connection.unreadBytes = bytes;
  }

  #unreadBytes(): number {
    let sum = 0;
    for (const { unreadBytes } of this.#open.values()) sum += unreadBytes;
    return sum;
  }

  #dropOldest(phase: Phase, except?: Socket): boolean {
    for (const [socket, connection] of this.#open) {
      if (connection.phase !== phase || socket === except) continue;
      // Now, not when 'close' comes: the room is wanted at once.
      clearTimeout(connection.timer);
      this.#open.delete(socket);
      socket.destroy();
      return true;
    }
    return false;
  }
}
