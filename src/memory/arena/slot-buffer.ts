import { Given } from '../buffer-mark.ts';

/**
 * Tells the objects over an arena's memory from all other buffers, by a private field on the object itself: what lies in them
 * is charged already, by the allocation it belongs to.
 */
export class SlotBuffer extends Given {
  readonly #isMarked = true;

  static mark(shared: SharedArrayBuffer): void {
    // oxlint-disable-next-line no-new -- it is the buffer
    new SlotBuffer(shared);
  }

  static isOne(buffer: object): boolean {
    return #isMarked in buffer && buffer.#isMarked;
  }
}
