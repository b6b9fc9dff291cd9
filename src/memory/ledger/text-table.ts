import type { HEADER } from './layout.ts';

/** Rows 0 and 1 stand for no text and for all that came too late. */
const FIRST_ROW = 2;

/** Writes a length and UTF-8 bytes at a byte offset; what does not fit is cut at a whole character. */
export function writeText(shared: SharedArrayBuffer, at: number, capacityBytes: number, text: string): void {
  const target = new Uint8Array(shared, at + 4, capacityBytes - 4);
  const { written } = new TextEncoder().encodeInto(text, target);
  new DataView(shared, at, 4).setUint32(0, written, true);
}

export function readText(shared: SharedArrayBuffer, at: number, capacityBytes: number): string {
  const length = Math.min(new DataView(shared, at, 4).getUint32(0, true), capacityBytes - 4);
  // TextDecoder of Node 20 takes views over shared memory; a copy is not needed.
  return new TextDecoder().decode(new Uint8Array(shared, at + 4, length));
}

/**
 * A bounded list of texts in the ledger: tags, sites. Index 0 is "none"; index 1 stands for everything that came when the
 * table was full. A row never changes once its count is published, so readers need no lock. Each thread keeps its own map and
 * looks at what others have entered before it enters a text itself; only two that enter the same one at the same moment
 * give it two rows.
 */
export class TextTable {
  private readonly shared: SharedArrayBuffer;
  private readonly words: Int32Array;
  private readonly countWord: number;
  private readonly at: number;
  private readonly rowBytes: number;
  private readonly rowsMax: number;
  private readonly indexes = new Map<string, number>();
  /** Rows before this one are in the map. */
  private known: number = FIRST_ROW;

  constructor(
    shared: SharedArrayBuffer,
    countWord: typeof HEADER.tagCount | typeof HEADER.siteCount,
    at: number,
    rowBytes: number,
    rowsMax: number,
  ) {
    this.shared = shared;
    this.words = new Int32Array(shared, 0, 64);
    this.countWord = countWord;
    this.at = at;
    this.rowBytes = rowBytes;
    this.rowsMax = rowsMax;
  }

  /** Reserves rows 0 and 1; for the thread that makes the ledger. */
  initialise(overflowText: string): void {
    writeText(this.shared, this.at + this.rowBytes, this.rowBytes, overflowText);
    Atomics.store(this.words, this.countWord, FIRST_ROW);
  }

  enter(text: string): number {
    const known = this.indexes.get(text) ?? this.learn().get(text);
    if (known !== undefined) return known;
    const index = this.claimRow();
    if (index === undefined) return 1;
    writeText(this.shared, this.at + index * this.rowBytes, this.rowBytes, text);
    this.indexes.set(text, index);
    return index;
  }

  /** `null` for index 0 and for an index that no row has (a record that changed under its reader). */
  read(index: number): string | null {
    if (index <= 0 || index >= Atomics.load(this.words, this.countWord)) return null;
    return readText(this.shared, this.at + index * this.rowBytes, this.rowBytes);
  }

  /** Takes in what other threads have entered. */
  private learn(): ReadonlyMap<string, number> {
    const count = Atomics.load(this.words, this.countWord);
    for (; this.known < count; this.known += 1) {
      const text = readText(this.shared, this.at + this.known * this.rowBytes, this.rowBytes);
      // Claimed by another thread, and not written yet.
      if (text === '') break;
      if (!this.indexes.has(text)) this.indexes.set(text, this.known);
    }
    return this.indexes;
  }

  private claimRow(): number | undefined {
    for (;;) {
      const index = Atomics.load(this.words, this.countWord);
      if (index >= this.rowsMax) return undefined;
      if (Atomics.compareExchange(this.words, this.countWord, index, index + 1) === index) return index;
    }
  }
}
