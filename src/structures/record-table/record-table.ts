import { MemtoolError } from '../../errors.ts';
import { showFacts } from '../../memory/describable.ts';
import type { MemoryPool } from '../../memory/pool.ts';
import type { ReserveOptions } from '../../memory/pool-options.ts';
import { Charge } from '../charge.ts';
import { countOption } from '../options.ts';
import {
  checkColumns,
  fieldsBytes,
  layOut,
  type Column,
  type Columns,
  type ColumnValue,
  type RecordOf,
} from './columns.ts';
import { ROW_HEADER_BYTES, Rows } from './rows.ts';
import { Texts } from './texts.ts';

export interface RecordTableOptions<Of extends Columns> extends ReserveOptions {
  pool: MemoryPool;
  columns: Of;
  /** At most 2^32. */
  rowsMax: number;
  /** By how many rows it grows: rounded up to a power of two. Default: as many as take about 64 KiB. */
  chunkRows?: number;
}

const ROWS_MAX_MAX: number = 2 ** 32;
const CHUNK_ROWS_MAX: number = 2 ** 20;
const CHUNK_ROWS_MIN = 16;
const CHUNK_BYTES: number = 64 * 1024;

/**
 * Records in columns of fixed width, outside the JavaScript heap: for what a program has 100,000 of. A record takes the bytes
 * of its columns and 8 more; a text is there once, however many records have it. The collector has nothing to visit in it.
 *
 * It grows in chunks of about 64 KiB, charged when they are made, to the scope in which the table was made, and gives back the
 * chunks that have become empty. A record is known by its id, a number that is never given out twice.
 */
export class RecordTable<Of extends Columns> {
  readonly pool: MemoryPool;
  readonly rowsMax: number;
  private readonly charge: Charge;
  private readonly columns: Map<string, Column>;
  private readonly columnList: readonly Column[];
  private readonly textColumns: readonly Column[];
  private readonly rows: Rows;
  private readonly texts: Texts;
  private isFreed = false;

  /** @throws MemtoolError `MEMTOOL_INVALID_OPTION`, `MEMTOOL_SCOPE_ENDED` */
  constructor(options: RecordTableOptions<Of>) {
    const { pool, columns, rowsMax } = options;
    checkColumns(columns);
    this.pool = pool;
    this.rowsMax = countOption(rowsMax, 'rowsMax', 1, ROWS_MAX_MAX);
    this.charge = new Charge(pool, options);
    const rowBytes = ROW_HEADER_BYTES + fieldsBytes(columns);
    const chunkRows = countOption(options.chunkRows ?? chunkRowsFor(rowBytes), 'chunkRows', 1, CHUNK_ROWS_MAX);
    this.rows = new Rows(this.charge, { rowBytes, rowsMax, chunkRows });
    this.columns = layOut(columns, ROW_HEADER_BYTES, this.rows.chunkRows);
    this.columnList = [...this.columns.values()];
    this.textColumns = this.columnList.filter(({ kind }) => kind === 'text');
    this.texts = new Texts(this.charge);
  }

  /** Records. */
  get size(): number {
    return this.rows.size;
  }

  /** What its buffers take, to the byte, as it is charged. */
  get usedBytes(): number {
    return this.rows.usedBytes + this.texts.usedBytes;
  }

  /** Different texts, the empty one apart. */
  get textsHeld(): number {
    return this.texts.size;
  }

  toJSON(): object {
    const { pool, size, rowsMax, usedBytes } = this;
    return { pool: pool.name, size, rowsMax, usedBytes };
  }

  /**
   * Adds a record; a row that was removed is used again.
   *
   * @returns its id; `undefined`, and nothing has changed, when there are `rowsMax` already or a limit allows no more memory
   * @throws MemtoolError `MEMTOOL_INVALID_OPTION` for a value that its column cannot hold, `MEMTOOL_INVALID_SIZE` for a text of
   *   over 2000 bytes, `MEMTOOL_USE_AFTER_FREE` once the table is freed
   */
  add(record: RecordOf<Of>): number | undefined {
    this.assertNotFreed();
    for (const column of this.columnList) checkField(column, record[column.name]);
    const handles = this.useTexts(record);
    if (handles === undefined) return undefined;
    const id = this.rows.add();
    if (id === undefined) {
      for (const handle of handles) this.texts.release(handle);
      return undefined;
    }
    const { view } = this.rows.find(id);
    const slot = id & this.rows.slotMask;
    let nextText = 0;
    for (const column of this.columnList) {
      if (column.kind === 'text') {
        column.write(view, slot, handles[nextText] ?? 0);
        nextText += 1;
      } else column.write(view, slot, Number(record[column.name]));
    }
    return id;
  }

  /** As `add`. @throws MemtoolError `MEMTOOL_LIMIT` when there are `rowsMax` already; MemoryLimitError when a limit refuses */
  addOrThrow(record: RecordOf<Of>): number {
    const id = this.add(record);
    if (id !== undefined) return id;
    if (this.size >= this.rowsMax) {
      throw new MemtoolError('MEMTOOL_LIMIT', `The table has ${this.size} records already, its rowsMax.`, {
        hint: 'Remove what is no longer needed, or make the table with a larger rowsMax: what is not used takes no memory.',
      });
    }
    throw this.charge.refusal();
  }

  /** Whether there is a record with this id. */
  has(id: number): boolean {
    return this.rows.has(id);
  }

  /**
   * One field, without an object made.
   *
   * @throws MemtoolError `MEMTOOL_USE_AFTER_FREE` for a record that was removed, `MEMTOOL_NOT_FOUND` for what is no id of this
   *   table, `MEMTOOL_INVALID_OPTION` for what is no column
   */
  get<Name extends keyof Of & string>(id: number, name: Name): ColumnValue<Of[Name]> {
    const column = this.column(name);
    const value = this.value(column, this.rows.find(id).view, id & this.rows.slotMask);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the column's kind says what its values are
    return value as ColumnValue<Of[Name]>;
  }

  /**
   * Changes one field.
   *
   * @returns false, and nothing has changed, when a limit allows no memory for a new text; numbers are never refused
   * @throws MemtoolError as `add` and `get`
   */
  set<Name extends keyof Of & string>(id: number, name: Name, value: ColumnValue<Of[Name]>): boolean {
    const column = this.column(name);
    checkField(column, value);
    const { view } = this.rows.find(id);
    const slot = id & this.rows.slotMask;
    if (typeof value !== 'string') {
      column.write(view, slot, Number(value));
      return true;
    }
    // The new one first: were they the same, its last use would be gone in between.
    const handle = this.texts.use(value);
    if (handle === undefined) return false;
    const before = column.read(view, slot);
    column.write(view, slot, handle);
    this.texts.release(before);
    return true;
  }

  /** The record as an object of its own. @throws MemtoolError as `get` */
  read(id: number): RecordOf<Of> {
    this.assertNotFreed();
    const { view } = this.rows.find(id);
    const record: Record<string, unknown> = {};
    for (const column of this.columnList) record[column.name] = this.value(column, view, id & this.rows.slotMask);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it has all columns, each with a value of its kind
    return record as RecordOf<Of>;
  }

  /** Removes a record: its row is used again, its id never. @throws MemtoolError as `get` */
  remove(id: number): void {
    this.assertNotFreed();
    const { view } = this.rows.find(id);
    for (const column of this.textColumns) this.texts.release(column.read(view, id & this.rows.slotMask));
    this.rows.remove(id);
  }

  /** Removes all records. */
  clear(): void {
    for (const id of this) this.remove(id);
  }

  /** The ids of all records. Records may be changed and removed meanwhile; one that is added may be among them or not. */
  [Symbol.iterator](): Generator<number, void, undefined> {
    return this.rows.ids();
  }

  /** Gives all memory back: the table is of no use any more. Freeing again does nothing. */
  free(): void {
    if (this.isFreed) return;
    this.isFreed = true;
    // Without columns no field is looked for: get and set need not ask whether it is freed.
    this.columns.clear();
    this.rows.drop();
    this.texts.clear();
    this.charge.free();
  }

  [Symbol.dispose](): void {
    this.free();
  }

  private value(column: Column, view: DataView, slot: number): number | boolean | string {
    const value = column.read(view, slot);
    if (column.kind === 'text') return this.texts.text(value);
    return column.kind === 'bool' ? value !== 0 : value;
  }

  private useTexts(record: RecordOf<Of>): number[] | undefined {
    const handles: number[] = [];
    for (const { name } of this.textColumns) {
      const handle = this.texts.use(String(record[name]));
      if (handle === undefined) {
        for (const used of handles) this.texts.release(used);
        return undefined;
      }
      handles.push(handle);
    }
    return handles;
  }

  private column(name: string): Column {
    const column = this.columns.get(name);
    if (column !== undefined) return column;
    this.assertNotFreed();
    throw new MemtoolError('MEMTOOL_INVALID_OPTION', `The table has no column ${JSON.stringify(name)}.`, {
      hint: `Its columns: ${[...this.columns.keys()].join(', ')}.`,
    });
  }

  private assertNotFreed(): void {
    if (!this.isFreed) return;
    throw new MemtoolError('MEMTOOL_USE_AFTER_FREE', 'The table was freed, and holds nothing any more.', {
      hint: 'Free it when nothing uses it any more, or make a new one.',
    });
  }
}

function chunkRowsFor(rowBytes: number): number {
  return 2 ** Math.floor(Math.log2(Math.max(CHUNK_ROWS_MIN, CHUNK_BYTES / rowBytes)));
}

function checkField(column: Column, value: unknown): void {
  column.check(value);
  if (typeof value === 'string') Texts.check(value);
}

showFacts(RecordTable.prototype);
