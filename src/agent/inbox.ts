import type { RequestMessage, Work } from './messages.ts';

/** As many requests of a kind are on their way to a thread. */
const UNREAD_MAX = 8;

/**
 * What one thread has been asked and has not read. The rest waits here: a thread in an endless loop would otherwise find
 * everything in its memory that was ever asked of it.
 */
export class Inbox {
  readonly #send: (request: RequestMessage) => void;
  /** The kinds of work by the requests: a cleanup that does not end must not hold up the rest. */
  readonly #unread = new Map<number, Work['kind']>();
  #waiting: RequestMessage[] = [];

  constructor(send: (request: RequestMessage) => void) {
    this.#send = send;
  }

  put(request: RequestMessage): void {
    const { kind } = request.work;
    if (this.#unreadOf(kind) >= UNREAD_MAX) {
      this.#waiting.push(request);
      return;
    }
    this.#unread.set(request.requestId, kind);
    this.#send(request);
  }

  /** The thread has read a request, whatever it did with it: there is room for another. */
  read(requestId: number): void {
    const kind = this.#unread.get(requestId);
    if (!this.#unread.delete(requestId)) return;
    const next = this.#waiting.find(({ work }) => work.kind === kind);
    if (!next) return;
    this.withdraw(next.requestId);
    this.put(next);
  }

  /** What has not been sent yet is not sent any more. */
  withdraw(requestId: number): void {
    this.#waiting = this.#waiting.filter((request) => request.requestId !== requestId);
  }

  #unreadOf(kind: Work['kind']): number {
    return [...this.#unread.values()].filter((unread) => unread === kind).length;
  }
}
