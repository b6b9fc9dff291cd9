import { PAGE_BYTES, PAGES_MAX } from './wasm-runtime.ts';

/** A memory that a module defines. */
export interface DefinedMemory {
  initialBytes: number;
  /** The name it is exported under by what `bounded` gives. */
  exportName: string;
}

/** Names of exports that are added begin so. */
export const ADDED_EXPORT = 'memtool:memory-';

interface Section {
  id: number;
  /** Of its contents. */
  start: number;
  end: number;
}

/** Of a memory, in pages. */
interface Limits {
  flags: number;
  initial: number;
  maximum: number | undefined;
}

const PREAMBLE_BYTES = 8;
const SECTION = { custom: 0, import: 2, memory: 5, export: 7, afterExport: [8, 9, 10, 11, 12] };
const KIND = { function: 0, table: 1, memory: 2, global: 3, tag: 4 };
/** Bits of a memory's flags; one with others (pages of another size) is left to the engine. */
const FLAG = { maximum: 1, wide: 4, all: 7 };
/** `(ref null type)` and `(ref type)`: a heap type follows. */
const REFERENCES = [0x63, 0x64];

/**
 * A module's bytes (https://webassembly.github.io/spec/core/binary/modules.html), as far as memories go: what it defines,
 * and the same module with lower maxima and all its memories exported, since JavaScript sees no other.
 *
 * What is malformed or unknown defines none here and stays as it is: the engine knows better why it refuses it.
 */
export class WasmBinary {
  readonly memories: readonly DefinedMemory[];
  private readonly bytes: Uint8Array;
  private sections: Section[] = [];
  private limits: Limits[] = [];
  private importedMemories = 0;
  private readonly exported = new Map<number, string>();
  private exportCount = 0;
  /** Where the exports begin, after their count. */
  private exportsAt = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    try {
      this.read();
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      this.limits = [];
    }
    this.memories = this.limits.map(({ initial }, index) => ({
      initialBytes: initial * PAGE_BYTES,
      exportName: this.exported.get(this.importedMemories + index) ?? `${ADDED_EXPORT}${index}`,
    }));
  }

  /** The module, in which no memory can grow by more than so many pages, and each is exported. */
  bounded(pages: number): Uint8Array {
    const areExported = this.memories.every((_, index) => this.exported.has(this.importedMemories + index));
    if (this.memories.length === 0 || (areExported && pages === Infinity)) return this.bytes;
    const parts = [this.bytes.subarray(0, PREAMBLE_BYTES)];
    let isExportDue = !areExported;
    for (const { id, start, end } of this.sections) {
      if (isExportDue && (id === SECTION.export || SECTION.afterExport.includes(id))) {
        parts.push(section(SECTION.export, this.encodeExports()));
        isExportDue = false;
      }
      if (id === SECTION.memory) parts.push(section(id, this.encodeMemories(pages)));
      else if (id !== SECTION.export || areExported) parts.push(section(id, this.bytes.subarray(start, end)));
    }
    if (isExportDue) parts.push(section(SECTION.export, this.encodeExports()));
    return Buffer.concat(parts);
  }

  private read(): void {
    const cursor = new Cursor(this.bytes, PREAMBLE_BYTES);
    while (!cursor.isAtEnd) {
      const id = cursor.byte();
      const size = cursor.unsigned();
      const start = cursor.at;
      cursor.skip(size);
      this.sections.push({ id, start, end: start + size });
      const content = new Cursor(this.bytes.subarray(0, start + size), start);
      if (id === SECTION.import) this.readImports(content);
      else if (id === SECTION.memory) this.limits = content.repeat(() => content.limits());
      else if (id === SECTION.export) this.readExports(content);
    }
  }

  private readImports(cursor: Cursor): void {
    cursor.repeat(() => {
      cursor.name();
      cursor.name();
      const kind = cursor.byte();
      if (kind === KIND.memory) this.importedMemories += 1;
      cursor.skipImport(kind);
    });
  }

  private readExports(cursor: Cursor): void {
    this.exportCount = cursor.unsigned();
    this.exportsAt = cursor.at;
    for (let nth = 0; nth < this.exportCount; nth += 1) {
      const name = cursor.name();
      const kind = cursor.byte();
      const index = cursor.unsigned();
      if (kind === KIND.memory) this.exported.set(index, name);
    }
  }

  private encodeMemories(pages: number): Uint8Array {
    const memories = this.limits.map(({ flags, initial, maximum }) => {
      const most = maximum ?? ((flags & FLAG.wide) === 0 ? PAGES_MAX : Infinity);
      const bound = Math.min(most, initial + pages);
      if (bound === Infinity) return [flags, ...unsigned(initial)];
      return [flags | FLAG.maximum, ...unsigned(initial), ...unsigned(bound)];
    });
    return Uint8Array.from([...unsigned(memories.length), ...memories.flat()]);
  }

  private encodeExports(): Uint8Array {
    const added = this.memories.flatMap(({ exportName }, nth) => {
      const index = this.importedMemories + nth;
      const name = Buffer.from(exportName);
      return this.exported.has(index) ? [] : [[...unsigned(name.length), ...name, KIND.memory, ...unsigned(index)]];
    });
    const before = this.sections.find(({ id }) => id === SECTION.export);
    return Buffer.concat([
      Uint8Array.from(unsigned(this.exportCount + added.length)),
      this.bytes.subarray(this.exportsAt, before?.end ?? this.exportsAt),
      Uint8Array.from(added.flat()),
    ]);
  }
}

/** Reads what is encoded one after the other. Throws a RangeError where that is malformed. */
class Cursor {
  at: number;
  private readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array, at: number) {
    this.bytes = bytes;
    this.at = at;
  }

  get isAtEnd(): boolean {
    return this.at >= this.bytes.length;
  }

  byte(): number {
    const byte = this.bytes[this.at];
    if (byte === undefined) throw new RangeError('The module ends too early.');
    this.at += 1;
    return byte;
  }

  skip(count: number): void {
    this.at += count;
    if (this.at > this.bytes.length) throw new RangeError('The module ends too early.');
  }

  /** LEB128, whose numbers may have 64 bits. */
  unsigned(): number {
    let value = 0;
    let place = 1;
    for (;;) {
      const byte = this.byte();
      value += (byte & 0x7f) * place;
      if ((byte & 0x80) === 0) break;
      place *= 0x80;
    }
    if (!Number.isSafeInteger(value)) throw new RangeError('The number is too large.');
    return value;
  }

  name(): string {
    const length = this.unsigned();
    const start = this.at;
    this.skip(length);
    return Buffer.from(this.bytes.subarray(start, this.at)).toString();
  }

  repeat<Item>(read: () => Item): Item[] {
    const items: Item[] = [];
    for (let left = this.unsigned(); left > 0; left -= 1) items.push(read());
    return items;
  }

  limits(): Limits {
    const flags = this.byte();
    if ((flags & ~FLAG.all) !== 0) throw new RangeError('Flags that are not known.');
    const initial = this.unsigned();
    return { flags, initial, maximum: (flags & FLAG.maximum) === 0 ? undefined : this.unsigned() };
  }

  skipImport(kind: number): void {
    switch (kind) {
      case KIND.function:
        this.unsigned();
        break;
      case KIND.table:
        this.skipType();
        this.limits();
        break;
      case KIND.memory:
        this.limits();
        break;
      case KIND.global:
        this.skipType();
        this.byte();
        break;
      case KIND.tag:
        this.byte();
        this.unsigned();
        break;
      default:
        throw new RangeError('An import of a kind that is not known.');
    }
  }

  private skipType(): void {
    // A heap type is a signed number, which is as long as an unsigned one.
    if (REFERENCES.includes(this.byte())) this.unsigned();
  }
}

function section(id: number, content: Uint8Array): Uint8Array {
  return Buffer.concat([Uint8Array.from([id, ...unsigned(content.length)]), content]);
}

function unsigned(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 0x80)) {
    const byte = rest % 0x80;
    if (rest < 0x80) return [...bytes, byte];
    bytes.push(byte | 0x80);
  }
}
