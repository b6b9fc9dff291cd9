/** What the threads of an accuracy run tell one another without a message, since they are hardly ever idle. */

/** One account's limit is being changed: its index is one more than that of the account, 0 is none. */
const CHANGING = 0;
const OPERATIONS = 1;
const SLOT_WORDS = 2;
const SLOTS_MAX = 16;
const ACCOUNTS_MAX = 32;
const STOP_AT: number = SLOTS_MAX * SLOT_WORDS;
const VERSIONS_AT: number = STOP_AT + 1;

/** Shared by all threads of a run. A slot is one working thread's, or that of its replacement. */
export class Control {
  readonly memory: SharedArrayBuffer;
  private readonly words: Int32Array;

  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer((VERSIONS_AT + ACCOUNTS_MAX) * 4)) {
    this.memory = memory;
    this.words = new Int32Array(memory);
  }

  countOperation(slot: number): void {
    this.words[slot * SLOT_WORDS + OPERATIONS] = this.operations(slot) + 1;
  }

  operations(slot: number): number {
    return this.words[slot * SLOT_WORDS + OPERATIONS] ?? 0;
  }

  get operationsInAll(): number {
    return Array.from({ length: SLOTS_MAX }, (_, slot) => this.operations(slot)).reduce((sum, one) => sum + one, 0);
  }

  /** Does what changes an account's limit, so that `version` tells of it. */
  changeLimit(slot: number, account: number, change: () => void): void {
    Atomics.store(this.words, slot * SLOT_WORDS + CHANGING, account + 1);
    change();
    this.endChange(slot);
  }

  /** The change is over, or the thread of this slot has died and cannot go on with it. */
  endChange(slot: number): void {
    const account = Atomics.load(this.words, slot * SLOT_WORDS + CHANGING) - 1;
    if (account < 0) return;
    Atomics.add(this.words, VERSIONS_AT + account, 1);
    Atomics.store(this.words, slot * SLOT_WORDS + CHANGING, 0);
  }

  /** How often the limit was changed; `undefined` while it is. */
  version(account: number): number | undefined {
    const version = Atomics.load(this.words, VERSIONS_AT + account);
    for (let slot = 0; slot < SLOTS_MAX; slot += 1)
      if (Atomics.load(this.words, slot * SLOT_WORDS + CHANGING) === account + 1) return undefined;
    return version;
  }

  stop(): void {
    Atomics.store(this.words, STOP_AT, 1);
  }

  get isStopped(): boolean {
    return Atomics.load(this.words, STOP_AT) !== 0;
  }
}
