/** Slots of the table: a power of two, and more than twice the groups, so that probing stays short. */
const SLOTS = 32_768;
const SLOT_MASK: number = SLOTS - 1;
/** More groups than this, and those without label and scope take the rest; a program has as many labels as tags and call sites. */
const LABELLED_MAX = 8192;
/** Beyond these, groups that have lost their scope keep their label up to as many again. */
const UNSCOPED_MAX = 4096;
/** An account is a scope's row above ten bits of pool and state. */
export const ACCOUNT_SCOPE_SHIFT = 10;
const REST_MASK: number = 2 ** ACCOUNT_SCOPE_SHIFT - 1;
/** No account has this number: the slot is free. */
const FREE = -1;

/**
 * Sums for groups of records that share pool, state and label: a hash table with linear probing, whose arrays the scan of
 * millions of records keeps in registers. It never grows; its pages are touched only where groups are.
 */
export class GroupTable {
  readonly labels: Int32Array = new Int32Array(SLOTS);
  /** Scope, pool and state. */
  readonly accounts: Int32Array = new Int32Array(SLOTS).fill(FREE);
  readonly counts: Int32Array = new Int32Array(SLOTS);
  readonly bytes: Float64Array = new Float64Array(SLOTS);
  readonly firstBirths: Int32Array = new Int32Array(SLOTS);
  /** Seconds from the first birth to the last one. */
  readonly spans: Int32Array = new Int32Array(SLOTS);
  /** Slots in use. */
  readonly used: number[] = [];

  /** The slot of a group, entered with its first birth if it is new. `hash` is where the scan looked first. */
  find(account: number, label: number, hash: number, birth: number): number {
    let slot = hash;
    while (this.accounts[slot] !== FREE) {
      if (this.accounts[slot] === account && this.labels[slot] === label) return slot;
      slot = (slot + 1) & SLOT_MASK;
    }
    // Past the bound the scope goes first, and then the label: a tag tells more than one scope of thousands.
    const rest = account & REST_MASK;
    if (this.used.length >= LABELLED_MAX && account !== rest) return this.find(rest, label, hashOf(rest, label), birth);
    if (this.used.length >= LABELLED_MAX + UNSCOPED_MAX && label !== 0)
      return this.find(rest, 0, hashOf(rest, 0), birth);
    this.used.push(slot);
    this.labels[slot] = label;
    this.accounts[slot] = account;
    this.firstBirths[slot] = birth;
    return slot;
  }

  /** Takes a birth outside of what the group has seen. */
  widen(slot: number, birth: number): void {
    const first = this.firstBirths[slot]!;
    const last = first + this.spans[slot]!;
    this.firstBirths[slot] = Math.min(first, birth);
    this.spans[slot] = Math.max(last, birth) - Math.min(first, birth);
  }
}

/** Where to look first. */
export function hashOf(account: number, label: number): number {
  return (label ^ (label >>> 16) ^ (account << 5) ^ (account >>> 7)) & SLOT_MASK;
}
