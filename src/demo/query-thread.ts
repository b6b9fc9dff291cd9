import { Worker } from 'node:worker_threads';
import type { QueryAnswer, ThreadAnswer, ThreadData, ThreadRequest } from './thread-messages.ts';
import type { QueryOwner } from './working-memory.ts';

/** A query thread as the main thread sees it: one request at a time. If it fails, the service does. */
export class QueryThread {
  readonly #worker: Worker;

  constructor(data: ThreadData) {
    // Of the bundle: every chunk lies beside demo-worker.js.
    this.#worker = new Worker(new URL('./demo-worker.js', import.meta.url), { workerData: data });
  }

  async query(owner: QueryOwner, text: string): Promise<QueryAnswer> {
    const answer = await this.#ask({ type: 'query', owner, text });
    if (answer.kind === 'collected') throw new Error('A query thread answered what it was not asked.');
    return answer;
  }

  async collectGarbage(): Promise<void> {
    await this.#ask({ type: 'collect-garbage' });
  }

  #ask(request: ThreadRequest): Promise<ThreadAnswer> {
    return new Promise((resolve) => {
      this.#worker.once('message', resolve);
      this.#worker.postMessage(request);
    });
  }
}
