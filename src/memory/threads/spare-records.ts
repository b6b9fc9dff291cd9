import {
  HEADER_BIGINT,
  PLACE_SPARE,
  PLACE_THREAD_SHIFT,
  RECORD_LINK,
  RECORD_PLACE,
  RECORD_SCOPE,
  SEGMENT_RECORDS,
} from '../ledger/layout.ts';
import type { Ledger } from '../ledger/ledger.ts';

/** The head of the stack is a record below a count of changes, by which an exchange sees that nobody came between. */
const RECORD_BITS = 32n;
const RECORD_MASK: bigint = (1n << RECORD_BITS) - 1n;

/**
 * Free records that one thread has too many of, for those that have none left. A record stays with the thread that frees it,
 * so where memory is sent one way only, one thread would use up the table and another hoard what is free (a table of
 * 16,384 records was full after as many had been sent, of which none was live).
 *
 *     header:   | changes (32 bits) | first batch (32 bits) |
 *     a batch:  SEGMENT_RECORDS records linked by RECORD_LINK; in the bytes of its first record, the next batch
 */
export class SpareRecords {
  private readonly ledger: Ledger;
  private readonly bigints: BigUint64Array;
  /** Records that came from other threads, less those that went there. */
  private surplus = 0;

  constructor(ledger: Ledger) {
    this.ledger = ledger;
    this.bigints = new BigUint64Array(ledger.shared, 0, HEADER_BIGINT.spareRecords + 1);
    ledger.spares = this;
  }

  /** So many records came from other threads, or went there. */
  noteCame(count: number): void {
    this.surplus += count;
  }

  /** Once a second: gives the others what came from them and is free by now. */
  tick(): void {
    while (this.surplus >= SEGMENT_RECORDS && this.giveBatch()) this.surplus -= SEGMENT_RECORDS;
  }

  /** Takes a batch for this thread's free list. @returns its first record, or 0 when there is none */
  take(): number {
    const { ledger } = this;
    const first = this.pop();
    if (first === 0) return 0;
    let last = first;
    for (let record = first; record !== 0; record = this.next(record)) {
      ledger.words[(record << 3) + RECORD_SCOPE] = 0;
      ledger.words[(record << 3) + RECORD_PLACE] = ledger.thread << PLACE_THREAD_SHIFT;
      last = record;
    }
    ledger.words[(last << 3) + RECORD_LINK] = ledger.freeRecord;
    ledger.freeRecord = first;
    return first;
  }

  /** @returns false when so many are not free */
  private giveBatch(): boolean {
    const { ledger } = this;
    const first = ledger.freeRecord;
    let last = first;
    for (let count = 1; count < SEGMENT_RECORDS && last !== 0; count += 1) last = this.next(last);
    if (last === 0) return false;
    ledger.freeRecord = this.next(last);
    ledger.words[(last << 3) + RECORD_LINK] = 0;
    // From here on they are nobody's: should this thread end now, the next of its number must not find them.
    for (let record = first; record !== 0; record = this.next(record))
      ledger.words[(record << 3) + RECORD_PLACE] = PLACE_SPARE;
    this.push(first);
    return true;
  }

  private push(first: number): void {
    for (;;) {
      const seen = this.head;
      this.ledger.doubles[first << 2] = Number(seen & RECORD_MASK);
      if (this.exchange(seen, first)) return;
    }
  }

  private pop(): number {
    for (;;) {
      const seen = this.head;
      const first = Number(seen & RECORD_MASK);
      // Of a batch that another thread takes meanwhile this may be anything, and then the exchange fails.
      if (first === 0 || this.exchange(seen, this.ledger.double(first << 2))) return first;
    }
  }

  private get head(): bigint {
    return Atomics.load(this.bigints, HEADER_BIGINT.spareRecords);
  }

  private exchange(seen: bigint, record: number): boolean {
    const changes = BigInt.asUintN(32, (seen >> RECORD_BITS) + 1n);
    const next = (changes << RECORD_BITS) | BigInt.asUintN(32, BigInt(record));
    return Atomics.compareExchange(this.bigints, HEADER_BIGINT.spareRecords, seen, next) === seen;
  }

  private next(record: number): number {
    return this.ledger.word((record << 3) + RECORD_LINK);
  }
}
