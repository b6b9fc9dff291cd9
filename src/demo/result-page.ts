/** What a query gave: columns of numbers, one after the other in one piece of memory, so that it is copied as one. */
export class ResultPage {
  readonly labels: readonly string[];
  readonly rowCount: number;
  readonly bytes: Uint8Array;

  /** `bytes` holds `labels.length * rowCount` doubles, and stays the caller's to free. */
  constructor(labels: readonly string[], rowCount: number, bytes: Uint8Array) {
    this.labels = labels;
    this.rowCount = rowCount;
    this.bytes = bytes;
  }

  column(index: number): Float64Array {
    const offset = index * this.rowCount * Float64Array.BYTES_PER_ELEMENT;
    return new Float64Array(this.bytes.buffer, this.bytes.byteOffset + offset, this.rowCount);
  }

  /** The first rows as JavaScript objects, copied out of the page. */
  rows(rowsMax: number = Infinity): number[][] {
    const columns = this.labels.map((_, index) => this.column(index));
    const length = Math.min(this.rowCount, rowsMax);
    return Array.from({ length }, (_, row) => columns.map((values) => values[row] ?? NaN));
  }
}
