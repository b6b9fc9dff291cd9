import { closeSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs';

/**
 * node::Start(int, char**): every Node.js exports it, since addons are linked against the executable; neither bun nor deno
 * does.
 */
const NODE_START = '_ZN4node5StartEiPPc';

const ELF_MAGIC = 0x7f454c46;
const CLASS_64 = 2;
const LITTLE_ENDIAN = 1;
const SEGMENT = { load: 1, dynamic: 2 } as const;
const TAG = { end: 0, needed: 1, strings: 5, symbols: 6, gnuHash: 0x6ffffef5 } as const;
const SYMBOL_BYTES = 24;
const NAME_BYTES_MAX = 256;
/** Chains of a damaged table are not followed for ever. */
const CHAIN_MAX = 10_000;

/**
 * Whether a process runs Node.js, by its executable's exported symbols (0.2 ms): so a renamed, deleted or embedded one is
 * found, and something else that is called `node` is not.
 *
 * @returns `undefined` when the executable cannot be read
 */
export function runsNode(pid: number): boolean | undefined {
  try {
    const program = new Executable(`/proc/${pid}/exe`);
    if (program.exports(NODE_START)) return true;
    // Some distributions build a thin program and libnode.so.
    if (!program.libraries().some((name) => name.startsWith('libnode.so'))) return false;
    const line = readFileSync(`/proc/${pid}/maps`, 'latin1')
      .split('\n')
      .find((text) => text.includes('/libnode.so'));
    const path = line?.split(/\s+/)[5];
    return path !== undefined && new Executable(`/proc/${pid}/root${path}`).exports(NODE_START);
  } catch {
    return undefined;
  }
}

interface Segment {
  type: number;
  offset: number;
  address: number;
  bytes: number;
}

/** A 64-bit little-endian ELF file, as far as its dynamic symbols go: elf(5), and the GNU hash table of the linker. */
class Executable {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  exports(name: string): boolean {
    return this.#read((file) => file.findSymbol(name)) ?? false;
  }

  libraries(): string[] {
    return this.#read((file) => file.needed()) ?? [];
  }

  /** @returns `undefined` of what is no such file. @throws when it cannot be read */
  #read<Result>(look: (file: DynamicSection) => Result): Result | undefined {
    const file = openSync(this.#path, 'r');
    try {
      const section = DynamicSection.of(file);
      return section && look(section);
    } finally {
      closeSync(file);
    }
  }
}

class DynamicSection {
  readonly #file: number;
  readonly #segments: Segment[];
  readonly #entries: [tag: number, value: number][];

  private constructor(file: number, segments: Segment[], entries: [number, number][]) {
    this.#file = file;
    this.#segments = segments;
    this.#entries = entries;
  }

  static of(file: number): DynamicSection | undefined {
    const head = readAt(file, 0, 64);
    const isElf = head.length === 64 && head.readUInt32BE(0) === ELF_MAGIC;
    if (!isElf || head[4] !== CLASS_64 || head[5] !== LITTLE_ENDIAN) return undefined;
    const size = head.readUInt16LE(54);
    const table = readAt(file, Number(head.readBigUInt64LE(32)), size * head.readUInt16LE(56));
    const segments = Array.from({ length: Math.floor(table.length / size) }, (_, index): Segment => {
      const at = index * size;
      return {
        type: table.readUInt32LE(at),
        offset: Number(table.readBigUInt64LE(at + 8)),
        address: Number(table.readBigUInt64LE(at + 16)),
        bytes: Number(table.readBigUInt64LE(at + 32)),
      };
    });
    const dynamic = segments.find(({ type }) => type === SEGMENT.dynamic);
    if (!dynamic) return undefined;
    const bytes = readAt(file, dynamic.offset, dynamic.bytes);
    const entries: [number, number][] = [];
    for (let at = 0; at + 16 <= bytes.length; at += 16) {
      const tag = Number(bytes.readBigUInt64LE(at));
      if (tag === TAG.end) break;
      entries.push([tag, Number(bytes.readBigUInt64LE(at + 8))]);
    }
    return new DynamicSection(file, segments, entries);
  }

  needed(): string[] {
    return this.#entries.filter(([tag]) => tag === TAG.needed).map(([, offset]) => this.#string(offset));
  }

  /** Through the hash table, so that a few hundred bytes of the file are read. */
  findSymbol(name: string): boolean {
    const hash = this.#offset(TAG.gnuHash);
    const symbols = this.#offset(TAG.symbols);
    if (hash === undefined || symbols === undefined) return false;
    const head = readAt(this.#file, hash, 16);
    const bucketCount = head.readUInt32LE(0);
    const firstHashed = head.readUInt32LE(4);
    const buckets = hash + 16 + head.readUInt32LE(8) * 8;
    const chains = buckets + bucketCount * 4;
    const wanted = gnuHash(name);
    const start = readAt(this.#file, buckets + (wanted % bucketCount) * 4, 4).readUInt32LE(0);
    if (start < firstHashed) return false;
    for (let index = start; index < start + CHAIN_MAX; index += 1) {
      const link = readAt(this.#file, chains + (index - firstHashed) * 4, 4).readUInt32LE(0);
      if ((link | 1) >>> 0 === (wanted | 1) >>> 0) {
        const symbol = readAt(this.#file, symbols + index * SYMBOL_BYTES, SYMBOL_BYTES);
        // Section 0: it is only wanted from elsewhere, not there.
        if (symbol.readUInt16LE(6) !== 0 && this.#string(symbol.readUInt32LE(0)) === name) return true;
      }
      if ((link & 1) !== 0) return false;
    }
    return false;
  }

  #string(offset: number): string {
    const strings = this.#offset(TAG.strings) ?? 0;
    const bytes = readAt(this.#file, strings + offset, NAME_BYTES_MAX);
    const end = bytes.indexOf(0);
    return bytes.toString('latin1', 0, end < 0 ? bytes.length : end);
  }

  /** Where in the file a table is, of which the section gives the address in memory. */
  #offset(tag: number): number | undefined {
    const address = this.#entries.find(([found]) => found === tag)?.[1];
    if (address === undefined) return undefined;
    const segment = this.#segments.find(
      ({ type, address: start, bytes }) => type === SEGMENT.load && address >= start && address < start + bytes,
    );
    return segment && address - segment.address + segment.offset;
  }
}

/** D. J. Bernstein's hash in 32 bits, as the GNU linker has it. */
function gnuHash(name: string): number {
  let hash = 5381;
  for (let index = 0; index < name.length; index += 1) hash = (Math.imul(hash, 33) + name.charCodeAt(index)) >>> 0;
  return hash;
}

function readAt(file: number, offset: number, bytes: number): Buffer {
  const size = Math.max(0, Math.min(bytes, fstatSync(file).size - offset));
  const buffer = Buffer.alloc(size);
  return buffer.subarray(0, readSync(file, buffer, 0, size, offset));
}
