/**
 * A binary heap of positions into `keys`, over memory of the caller's. The first in order is on top; with `direction` -1 the
 * last is. Equal keys are ordered by position, which makes everything built on it stable.
 */
export class PositionHeap {
  readonly #keys: Float64Array;
  readonly #slots: Int32Array;
  readonly #direction: 1 | -1;
  #size = 0;

  constructor(keys: Float64Array, slots: Int32Array, direction: 1 | -1) {
    this.#keys = keys;
    this.#slots = slots;
    this.#direction = direction;
  }

  get size(): number {
    return this.#size;
  }

  get top(): number {
    return this.#slots[0] ?? -1;
  }

  push(position: number): void {
    let child = this.#size;
    this.#size += 1;
    while (child > 0) {
      const parent = (child - 1) >> 1;
      const above = this.#at(parent);
      if (!this.before(position, above)) break;
      this.#slots[child] = above;
      child = parent;
    }
    this.#slots[child] = position;
  }

  pop(): number {
    const top = this.top;
    this.#size -= 1;
    if (this.#size > 0) this.replaceTop(this.#at(this.#size));
    return top;
  }

  replaceTop(position: number): void {
    let parent = 0;
    for (;;) {
      let child = 2 * parent + 1;
      if (child >= this.#size) break;
      if (child + 1 < this.#size && this.before(this.#at(child + 1), this.#at(child))) child += 1;
      if (!this.before(this.#at(child), position)) break;
      this.#slots[parent] = this.#at(child);
      parent = child;
    }
    this.#slots[parent] = position;
  }

  /** Whether `a` is nearer to the top than `b`. */
  before(a: number, b: number): boolean {
    const difference = (this.#keys[a] ?? 0) - (this.#keys[b] ?? 0) || a - b;
    return difference * this.#direction < 0;
  }

  #at(slot: number): number {
    return this.#slots[slot] ?? -1;
  }
}
