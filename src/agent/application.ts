import { Inbox } from './inbox.ts';
import { REQUEST, type Answer, type RequestMessage, type Work, type WorkResult } from './messages.ts';

export interface Patience {
  /** Not taken up by then: the request is withdrawn and will not run. */
  takenWithinMs: number;
  /** Taken up and not answered by then, counted from the asking: we stop waiting. */
  answeredWithinMs: number;
}

export type Outcome<Value> =
  | { kind: 'answered'; value: Value }
  | { kind: 'failed'; message: string }
  | { kind: 'withdrawn' }
  | { kind: 'unanswered' }
  /** The thread has ended, or has no manager any more. */
  | { kind: 'gone' };

interface Pending {
  threadId: number;
  state: RequestMessage['state'];
  settle: (outcome: Outcome<unknown>) => void;
}

/** The threads of the application as the agent's thread sees them: each answers when its event loop turns. */
export class Application {
  readonly #send: (threadId: number, request: RequestMessage) => void;
  readonly #pending = new Map<number, Pending>();
  readonly #inboxes = new Map<number, Inbox>();
  #nextId = 0;

  constructor(send: (threadId: number, request: RequestMessage) => void) {
    this.#send = send;
  }

  /** Never rejects. */
  ask<Kind extends Work['kind']>(
    threadId: number,
    work: Extract<Work, { kind: Kind }>,
    patience: Patience,
  ): Promise<Outcome<WorkResult[Kind]>> {
    const requestId = this.#nextId++;
    const state = new Int32Array(new SharedArrayBuffer(4));
    const inbox = this.#inbox(threadId);
    return new Promise((resolve) => {
      let timer = setTimeout(() => {
        if (withdraw(state)) {
          inbox.withdraw(requestId);
          settle({ kind: 'withdrawn' });
          return;
        }
        timer = setTimeout(
          () => settle({ kind: 'unanswered' }),
          Math.max(0, patience.answeredWithinMs - patience.takenWithinMs),
        );
      }, patience.takenWithinMs);
      const settle = (outcome: Outcome<unknown>): void => {
        clearTimeout(timer);
        this.#pending.delete(requestId);
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a thread answers each kind of work with its own result
        resolve(outcome as Outcome<WorkResult[Kind]>);
      };
      this.#pending.set(requestId, { threadId, state, settle });
      inbox.put({ requestId, state, work });
    });
  }

  /** An answer has come; one that nobody waits for any more says only that the request was read. */
  receive(threadId: number, requestId: number, answer: Answer): void {
    this.#inboxes.get(threadId)?.read(requestId);
    const pending = this.#pending.get(requestId);
    if (pending?.threadId !== threadId) return;
    pending.settle(answer.ok ? { kind: 'answered', value: answer.value } : { kind: 'failed', message: answer.message });
  }

  /** The thread will not answer any more. */
  forget(threadId: number): void {
    this.#inboxes.delete(threadId);
    for (const pending of this.#pending.values()) {
      if (pending.threadId !== threadId) continue;
      withdraw(pending.state);
      pending.settle({ kind: 'gone' });
    }
  }

  #inbox(threadId: number): Inbox {
    let inbox = this.#inboxes.get(threadId);
    if (!inbox) {
      inbox = new Inbox((request) => this.#send(threadId, request));
      this.#inboxes.set(threadId, inbox);
    }
    return inbox;
  }
}

/** @returns `false` when it was taken up already */
function withdraw(state: RequestMessage['state']): boolean {
  return Atomics.compareExchange(state, 0, REQUEST.pending, REQUEST.withdrawn) === REQUEST.pending;
}
