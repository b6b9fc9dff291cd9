import type { HEADER } from './layout.ts';

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
 * table was full. A row never changes once its count is published, so readers need no lock. Each thread keeps its own map,
 * so two threads may enter the same text twice: readers compare texts, not indexes.
 */
export class TextTable {
  private readonly shared: SharedArrayBuffer;
  private readonly words: Int32Array;
  private readonly countWord: number;
  private readonly at: number;
  private readonly rowBytes: number;
  private readonly rowsMax: number;
  private readonly indexes = new Map<string, number>();

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
    Atomics.store(this.words, this.countWord, 2);
  }

  enter(text: string): number {
    const known = this.indexes.get(text);
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

  private claimRow(): number | undefined {
    for (;;) {
      const index = Atomics.load(this.words, this.countWord);
      if (index >= this.rowsMax) return undefined;
      if (Atomics.compareExchange(this.words, this.countWord, index, index + 1) === index) return index;
    }
  }
}
