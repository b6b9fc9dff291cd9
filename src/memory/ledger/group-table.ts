import { POOLS_MAX } from './layout.ts';

/** More groups than this, and those without a label take the rest; a program has as many labels as tags and call sites. */
const GROUPS_MAX = 8192;
/** The groups without a label: four states of every pool. */
const REST_MAX: number = POOLS_MAX * 4;
export const CACHE_SLOTS = 1024;

/** Sums for groups of records that share pool, state and label. Fixed arrays, so that a scan of millions never stops to grow them. */
export class GroupTable {
  readonly counts: Float64Array = new Float64Array(GROUPS_MAX + REST_MAX);
  readonly bytes: Float64Array = new Float64Array(GROUPS_MAX + REST_MAX);
  readonly firstBirths: Int32Array = new Int32Array(GROUPS_MAX + REST_MAX);
  readonly lastBirths: Int32Array = new Int32Array(GROUPS_MAX + REST_MAX);
  readonly labels: Int32Array = new Int32Array(GROUPS_MAX + REST_MAX);
  /** Pool * 4 + state. */
  readonly accounts: Int32Array = new Int32Array(GROUPS_MAX + REST_MAX).fill(-1);
  /** Group 0 is nobody's: what an empty place of the cache leads to. */
  size = 1;
  private readonly indexes = new Map<number, number>();
  /** Programs have few labels and millions of records: a direct-mapped cache before the map, of groups. */
  readonly cache: Int32Array = new Int32Array(CACHE_SLOTS);

  /** The group of an account and a label, made if need be; the cache's slot then leads to it. */
  find(account: number, label: number, slot: number): number {
    const group = this.lookUp(account, label);
    this.cache[slot] = group;
    return group;
  }

  private lookUp(account: number, label: number): number {
    const key = (label >>> 0) * REST_MAX + account;
    const known = this.indexes.get(key);
    if (known !== undefined) return known;
    if (this.size >= GROUPS_MAX && label !== 0) return this.lookUp(account, 0);
    const group = this.size;
    this.size += 1;
    this.labels[group] = label;
    this.accounts[group] = account;
    this.firstBirths[group] = 0x7fffffff;
    this.lastBirths[group] = -0x80000000;
    this.indexes.set(key, group);
    return group;
  }
}
