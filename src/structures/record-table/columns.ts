import { MemtoolError } from '../../errors.ts';

/** Of whole numbers without and with a sign, of floating-point numbers, of true and false, and of text. */
export type ColumnKind = 'u8' | 'u16' | 'u32' | 'i8' | 'i16' | 'i32' | 'f32' | 'f64' | 'bool' | 'text';

export type Columns = Readonly<Record<string, ColumnKind>>;

export type ColumnValue<Of extends ColumnKind> = Of extends 'text' ? string : Of extends 'bool' ? boolean : number;

/** A record as an object: what `add` takes and `read` returns. */
export type RecordOf<Of extends Columns> = { [Name in keyof Of]: ColumnValue<Of[Name]> };

/** How a kind is kept in memory. Text is kept elsewhere, and here the number of it. */
interface Kind {
  bytes: 1 | 2 | 4 | 8;
  accepts: (value: unknown) => boolean;
  /** What it accepts, for the message. */
  range: string;
  read: (view: DataView, at: number) => number;
  write: (view: DataView, at: number, value: number) => void;
}

function whole(min: number, max: number): Pick<Kind, 'accepts' | 'range'> {
  return {
    accepts: (value) => typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max,
    range: `a whole number from ${min} to ${max}`,
  };
}

const NUMBER: Pick<Kind, 'accepts' | 'range'> = { accepts: (value) => typeof value === 'number', range: 'a number' };

/** One function a kind: V8 puts a DataView's access in place where it knows the kind, as fast as a typed array's. */
const KINDS: Record<ColumnKind, Kind> = {
  u8: {
    bytes: 1,
    ...whole(0, 2 ** 8 - 1),
    read: (view, at) => view.getUint8(at),
    write: (view, at, value) => view.setUint8(at, value),
  },
  u16: {
    bytes: 2,
    ...whole(0, 2 ** 16 - 1),
    read: (view, at) => view.getUint16(at, true),
    write: (view, at, value) => view.setUint16(at, value, true),
  },
  u32: {
    bytes: 4,
    ...whole(0, 2 ** 32 - 1),
    read: (view, at) => view.getUint32(at, true),
    write: (view, at, value) => view.setUint32(at, value, true),
  },
  i8: {
    bytes: 1,
    ...whole(-(2 ** 7), 2 ** 7 - 1),
    read: (view, at) => view.getInt8(at),
    write: (view, at, value) => view.setInt8(at, value),
  },
  i16: {
    bytes: 2,
    ...whole(-(2 ** 15), 2 ** 15 - 1),
    read: (view, at) => view.getInt16(at, true),
    write: (view, at, value) => view.setInt16(at, value, true),
  },
  i32: {
    bytes: 4,
    ...whole(-(2 ** 31), 2 ** 31 - 1),
    read: (view, at) => view.getInt32(at, true),
    write: (view, at, value) => view.setInt32(at, value, true),
  },
  f32: {
    bytes: 4,
    ...NUMBER,
    read: (view, at) => view.getFloat32(at, true),
    write: (view, at, value) => view.setFloat32(at, value, true),
  },
  f64: {
    bytes: 8,
    ...NUMBER,
    read: (view, at) => view.getFloat64(at, true),
    write: (view, at, value) => view.setFloat64(at, value, true),
  },
  bool: {
    bytes: 1,
    accepts: (value) => typeof value === 'boolean',
    range: 'true or false',
    read: (view, at) => view.getUint8(at),
    write: (view, at, value) => view.setUint8(at, value),
  },
  text: {
    bytes: 4,
    accepts: (value) => typeof value === 'string',
    range: 'a text',
    read: (view, at) => view.getUint32(at, true),
    write: (view, at, value) => view.setUint32(at, value, true),
  },
};

/** One column: where its part of each chunk begins, and how a field is read and written there. */
export class Column {
  readonly name: string;
  readonly kind: ColumnKind;
  /** Of the column's part in a chunk. */
  private readonly offset: number;
  private readonly widthShift: number;
  private readonly readNumber: Kind['read'];
  private readonly writeNumber: Kind['write'];

  constructor(name: string, kind: ColumnKind, offset: number) {
    const { bytes, read, write } = KINDS[kind];
    this.name = name;
    this.kind = kind;
    this.offset = offset;
    this.widthShift = Math.log2(bytes);
    this.readNumber = read;
    this.writeNumber = write;
  }

  read(view: DataView, slot: number): number {
    return this.readNumber(view, this.offset + (slot << this.widthShift));
  }

  write(view: DataView, slot: number, value: number): void {
    this.writeNumber(view, this.offset + (slot << this.widthShift), value);
  }

  /** @throws MemtoolError `MEMTOOL_INVALID_OPTION` for what it cannot hold as it is; but an f32 rounds */
  check(value: unknown): void {
    if (KINDS[this.kind].accepts(value)) return;
    const shown = typeof value === 'number' || typeof value === 'boolean' ? String(value) : `of type ${typeof value}`;
    throw new MemtoolError(
      'MEMTOOL_INVALID_OPTION',
      `Column ${this.name} (${this.kind}) cannot hold a value ${shown}.`,
      {
        hint: `Give ${KINDS[this.kind].range}.`,
      },
    );
  }
}

/** Bytes of a record's fields. */
export function fieldsBytes(columns: Columns): number {
  return Object.values(columns).reduce((sum, kind) => sum + KINDS[kind].bytes, 0);
}

/**
 * The columns of a chunk of so many rows, after `headerBytes` for each: the widest first, so that each field lies at a
 * multiple of its width. In the order in which they were given.
 */
export function layOut(columns: Columns, headerBytes: number, chunkRows: number): Map<string, Column> {
  const offsets = new Map<string, number>();
  let offset = headerBytes * chunkRows;
  for (const [name, kind] of Object.entries(columns).toSorted(([, a], [, b]) => KINDS[b].bytes - KINDS[a].bytes)) {
    offsets.set(name, offset);
    offset += KINDS[kind].bytes * chunkRows;
  }
  return new Map(
    Object.entries(columns).map(([name, kind]) => [name, new Column(name, kind, offsets.get(name) ?? offset)]),
  );
}

/** @throws MemtoolError `MEMTOOL_INVALID_OPTION` */
export function checkColumns(columns: Columns): void {
  const entries = Object.entries(columns);
  const wrong = entries.find(([, kind]) => !Object.hasOwn(KINDS, kind));
  if (entries.length > 0 && wrong === undefined) return;
  throw new MemtoolError(
    'MEMTOOL_INVALID_OPTION',
    wrong === undefined ? 'A table needs a column.' : `Column ${wrong[0]} is of the kind ${wrong[1]}.`,
    { hint: `Give each column one of ${Object.keys(KINDS).join(', ')}.` },
  );
}
