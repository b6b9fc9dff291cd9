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
  | { kind: 'unanswered' };

interface Pending {
  state: Int32Array<SharedArrayBuffer>;
  settle: (outcome: Outcome<unknown>) => void;
}

/** The application's main thread, as the agent's thread sees it: it answers when its event loop turns. */
export class Application {
  readonly #send: (message: RequestMessage) => void;
  readonly #pending = new Map<number, Pending>();
  #nextId = 0;

  constructor(send: (message: RequestMessage) => void) {
    this.#send = send;
  }

  /** Never rejects. */
  ask<Kind extends Work['kind']>(
    work: Extract<Work, { kind: Kind }>,
    patience: Patience,
  ): Promise<Outcome<WorkResult[Kind]>> {
    const requestId = this.#nextId++;
    const state = new Int32Array(new SharedArrayBuffer(4));
    return new Promise((resolve) => {
      let timer = setTimeout(() => {
        if (Atomics.compareExchange(state, 0, REQUEST.pending, REQUEST.withdrawn) === REQUEST.pending) {
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
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the main thread answers each kind of work with its own result
        resolve(outcome as Outcome<WorkResult[Kind]>);
      };
      this.#pending.set(requestId, { state, settle });
      this.#send({ requestId, state, work });
    });
  }

  /** An answer has come; one that nobody waits for any more is dropped. */
  receive(requestId: number, answer: Answer): void {
    this.#pending
      .get(requestId)
      ?.settle(answer.ok ? { kind: 'answered', value: answer.value } : { kind: 'failed', message: answer.message });
  }
}
