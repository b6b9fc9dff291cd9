import { badSnapshot } from './bad-snapshot.ts';
import type { SnapshotStrings } from './heap-snapshot.ts';
import { NumberList } from './number-list.ts';

const SEGMENT_BYTES = 1024 * 1024;

/** The strings as they were written, escapes and all, end to end in segments. */
export class StringSection implements SnapshotStrings {
  readonly #segments: Uint8Array[] = [];
  /** Of each string; what it ends at is the next one's. Below 4 GiB, which more than 2^28 nodes would take. */
  readonly #starts = new NumberList();
  #bytes = 0;

  get count(): number {
    return this.#starts.length;
  }

  begin(): void {
    this.#starts.push(this.#bytes);
  }

  /** The next part of the last string. */
  add(part: Uint8Array): void {
    let from = 0;
    while (from < part.length) {
      const offset = this.#bytes % SEGMENT_BYTES;
      if (offset === 0) this.#segments.push(new Uint8Array(SEGMENT_BYTES));
      const taken = part.subarray(from, from + SEGMENT_BYTES - offset);
      this.#segments.at(-1)?.set(taken, offset);
      from += taken.length;
      this.#bytes += taken.length;
    }
    if (this.#bytes >= 2 ** 32) throw badSnapshot('its strings are over 4 GiB');
  }

  at(index: number): string {
    if (index >= this.count) return '';
    const end = index + 1 < this.count ? this.#starts.at(index + 1) : this.#bytes;
    const parts: Uint8Array[] = [];
    for (let from = this.#starts.at(index); from < end;) {
      const offset = from % SEGMENT_BYTES;
      const part = this.#segments[Math.floor(from / SEGMENT_BYTES)]?.subarray(offset, offset + end - from);
      if (!part) break;
      parts.push(part);
      from += part.length;
    }
    try {
      const text: unknown = JSON.parse(`"${Buffer.concat(parts).toString('utf8')}"`);
      return String(text);
    } catch {
      throw badSnapshot('a string in it is not JSON');
    }
  }
}
