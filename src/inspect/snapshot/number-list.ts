const LENGTH_MIN = 1024;

/** Numbers below 2^32, in four bytes each, however many come. */
export class NumberList {
  #numbers: Uint32Array;
  #length = 0;

  /** @param expected how many there will be, if that is known */
  constructor(expected = 0) {
    this.#numbers = new Uint32Array(Math.max(expected, LENGTH_MIN));
  }

  get length(): number {
    return this.#length;
  }

  push(number: number): void {
    if (this.#length === this.#numbers.length) {
      const longer = new Uint32Array(this.#length * 2);
      longer.set(this.#numbers);
      this.#numbers = longer;
    }
    this.#numbers[this.#length] = number;
    this.#length += 1;
  }

  at(index: number): number {
    return this.#numbers[index] ?? 0;
  }

  toArray(): Uint32Array {
    return this.#numbers.subarray(0, this.#length);
  }
}
