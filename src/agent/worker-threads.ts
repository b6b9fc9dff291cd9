import { isAlive, type ThreadIdentity } from '../memory/threads/thread-id.ts';
import type { Application } from './application.ts';
import { channelOf, CHANNELS, openChannel, WHO_IS_THERE, type Channel } from './channel.ts';
import { readAnnouncement } from './channel-message.ts';
import type { Managers } from './managers.ts';
import type { AddressedRequest, RequestMessage } from './messages.ts';

/** As many managers of worker threads are shown. */
const MANAGERS_MAX = 256;

const OMITTED = `no more than ${MANAGERS_MAX} managers of worker threads are shown, and there are more`;

interface WorkerThread {
  identity: ThreadIdentity;
  managers: Set<number>;
}

export interface WorkerThreadsSinks {
  managers: Managers;
  application: Application;
}

/** The worker threads of the application that have managers, as they announce them: see channel.ts. */
export class WorkerThreads {
  readonly #sinks: WorkerThreadsSinks;
  readonly #threads = new Map<number, WorkerThread>();
  #channels: Channel[] = [];

  constructor(sinks: WorkerThreadsSinks) {
    this.#sinks = sinks;
  }

  start(): void {
    this.#channels = Array.from({ length: CHANNELS }, (_, index) => openChannel(index, (data) => this.receive(data)));
    this.#askAll();
  }

  send(threadId: number, request: RequestMessage): void {
    this.#channels[channelOf(threadId)]?.post({ to: threadId, request } satisfies AddressedRequest);
  }

  receive(data: unknown): void {
    const announcement = readAnnouncement(data);
    if (!announcement) return;
    const { threadId, identity, message } = announcement;
    const { managers, application } = this.#sinks;
    switch (message.kind) {
      case 'manager-added':
        if (this.#enter(threadId, identity, message.id)) managers.add(threadId, message);
        break;
      case 'manager-removed':
        this.#leave(threadId, message.id);
        break;
      case 'answer':
        application.receive(threadId, message.requestId, message.answer);
        break;
    }
  }

  /**
   * Drops the threads that have ended without a word; to be called before anything is told of the managers. About 20 us a
   * thread. Where the system does not show threads (no /proc), one that was terminated stays until the process ends.
   */
  dropEnded(): void {
    for (const [threadId, { identity }] of this.#threads) {
      if (isAlive(identity)) continue;
      this.#sinks.managers.removeThread(threadId);
      this.#forget(threadId);
    }
    // There is room again for those that were left out. Not at every one that goes: a thread in an endless loop would
    // gather the questions.
    if (this.#sinks.managers.omitted === undefined || this.#count() >= MANAGERS_MAX) return;
    this.#sinks.managers.omitted = undefined;
    this.#askAll();
  }

  #enter(threadId: number, identity: ThreadIdentity, id: number): boolean {
    const thread = this.#threads.get(threadId) ?? { identity, managers: new Set() };
    if (!thread.managers.has(id) && this.#count() >= MANAGERS_MAX) {
      this.#sinks.managers.omitted = OMITTED;
      return false;
    }
    thread.managers.add(id);
    this.#threads.set(threadId, thread);
    return true;
  }

  #leave(threadId: number, id: number): void {
    const thread = this.#threads.get(threadId);
    if (!thread?.managers.delete(id)) return;
    this.#sinks.managers.remove(threadId, id);
    if (thread.managers.size === 0) this.#forget(threadId);
  }

  #forget(threadId: number): void {
    this.#threads.delete(threadId);
    this.#sinks.application.forget(threadId);
  }

  #askAll(): void {
    for (const channel of this.#channels) channel.post(WHO_IS_THERE);
  }

  #count(): number {
    return [...this.#threads.values()].reduce((sum, { managers }) => sum + managers.size, 0);
  }
}
