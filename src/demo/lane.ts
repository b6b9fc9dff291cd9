import type { MemoryManager } from 'memtool';
import type { LoadCounts } from './messages.ts';
import { QueryMix } from './query-mix.ts';
import type { QueryThread } from './query-thread.ts';
import { BEN, type User } from './users.ts';
import type { QueryOwner } from './working-memory.ts';

/** One query thread at work for its users, in turn: it is asked one query after the other, the same ones in every run. */
export class Lane {
  readonly #thread: QueryThread;
  readonly #users: readonly User[];
  readonly #memory: MemoryManager;
  /** Of all lanes together. */
  readonly #counts: LoadCounts;
  readonly #mix: QueryMix;
  #turn = 0;

  constructor(
    thread: QueryThread,
    users: readonly User[],
    { memory, counts, seed }: { memory: MemoryManager; counts: LoadCounts; seed: number },
  ) {
    this.#thread = thread;
    this.#users = users;
    this.#memory = memory;
    this.#counts = counts;
    this.#mix = new QueryMix(seed);
  }

  /** Whether one of its users has queries profiled. */
  get hasProfiled(): boolean {
    return this.#users.includes(BEN);
  }

  async ordinary(): Promise<void> {
    const user = this.#users[this.#turn % this.#users.length];
    const userTurn = Math.floor(this.#turn / this.#users.length);
    this.#turn += 1;
    if (user) await this.#ask(user, user.ask(this.#mix, userTurn));
  }

  /** A large result, for the cache. */
  async export(): Promise<void> {
    const user = this.#users.at(-1);
    if (user) await this.#ask(user, [this.#mix.export()]);
  }

  async profiled(): Promise<void> {
    await this.#ask(BEN, [this.#mix.profiled()]);
  }

  /** What the thread has forgotten is known afterwards. */
  collectGarbage(): Promise<void> {
    return this.#thread.collectGarbage();
  }

  /** Several queries are one transaction: it is held open here while they run there. */
  async #ask(user: User, texts: string[]): Promise<void> {
    if (texts.length === 1) return this.#queries(texts, { user: user.name });
    const transaction = `t-${this.#counts.queries + 1}`;
    await this.#memory.transaction(transaction, { user: user.name }, () =>
      this.#queries(texts, { user: user.name, transaction }),
    );
  }

  async #queries(texts: string[], owner: Omit<QueryOwner, 'query'>): Promise<void> {
    for (const text of texts) {
      this.#counts.queries += 1;
      // oxlint-disable-next-line no-await-in-loop -- a thread runs one query at a time
      const answer = await this.#thread.query({ query: `q-${this.#counts.queries}`, ...owner }, text);
      if (answer.kind === 'answered') continue;
      const { account, reason, hint } = answer;
      this.#counts.refused += 1;
      this.#counts.refusal = { user: owner.user, account, reason, hint };
    }
  }
}
