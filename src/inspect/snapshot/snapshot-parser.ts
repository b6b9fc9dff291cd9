/**
 * Reads the heap snapshot that V8 streams, piece by piece: the text of one is two to five times the heap, more than a string
 * may hold. It is JSON, of which V8 writes only this much:
 *
 *   { "snapshot": {...}, "nodes": [1,2,...], "edges": [...], "trace_function_infos": [...],
 *     "trace_tree": [1,0,0,0,[2,1,3,64,[...]]], "samples": [...], "locations": [...], "strings": ["...", ...] }
 *
 * The packages that stream it are large (@memlab/core, a copy of the DevTools in heap-snapshot-toolkit), or leave out the traces
 * (mhsp), which are what is wanted here.
 */
import { badSnapshot } from './bad-snapshot.ts';
import type { HeapSnapshot, SnapshotMeta } from './heap-snapshot.ts';
import { NumberList } from './number-list.ts';
import { readMeta } from './snapshot-meta.ts';
import { StringSection } from './string-section.ts';
import { TraceTreeBuilder } from './trace-tree.ts';

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const ZERO = 0x30;
const NINE = 0x39;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const META_BYTES_MAX = 64 * 1024;
const KEY_BYTES_MAX = 64;
const UINT32_MAX = 2 ** 32 - 1;

type State =
  | 'start'
  | 'key'
  | 'in-key'
  | 'colon'
  | 'value'
  | 'meta'
  | 'numbers'
  | 'tree'
  | 'strings'
  | 'string'
  | 'next'
  | 'done';

export class SnapshotParser {
  #state: State = 'start';
  #key = '';
  #meta: SnapshotMeta | undefined;
  #metaText = '';
  #depth = 0;
  #inText = false;
  #escaped = false;
  /** Of the number that is being read; -1 between numbers. */
  #number = -1;
  #lists = new Map<string, NumberList>();
  #list = new NumberList();
  readonly #tree = new TraceTreeBuilder();
  readonly #strings = new StringSection();

  /** @throws MemtoolError `MEMTOOL_BAD_ANSWER` as soon as it is no snapshot */
  push(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length) {
      if (this.#state === 'numbers') at = this.#readNumbers(bytes, at);
      else if (this.#state === 'string') at = this.#readString(bytes, at);
      else {
        this.#step(this.#state, bytes[at] ?? 0);
        at += 1;
      }
    }
  }

  /** @throws MemtoolError `MEMTOOL_BAD_ANSWER` when something is missing */
  end(): HeapSnapshot {
    const meta = this.#meta;
    if (this.#state !== 'done' || !meta) throw badSnapshot('it breaks off');
    const nodes = this.#rows('nodes', meta.nodeCount * meta.nodeFields.length);
    const edges = this.#rows('edges', meta.edgeCount * meta.edgeFields.length);
    return {
      meta,
      nodes,
      edges,
      traceFunctionInfos: this.#rows('trace_function_infos'),
      traceTree: this.#tree.end(),
      samples: this.#rows('samples'),
      locations: this.#rows('locations'),
      strings: this.#strings,
    };
  }

  #rows(key: string, length?: number): Uint32Array {
    const rows = this.#lists.get(key)?.toArray() ?? new Uint32Array(0);
    if (length !== undefined && rows.length !== length)
      throw badSnapshot(`it has ${rows.length} numbers in \`${key}\`, and ${length} are announced`);
    return rows;
  }

  #step(state: Exclude<State, 'numbers' | 'string'>, byte: number): void {
    if (state === 'meta') return this.#readMeta(byte);
    if (state === 'in-key') return this.#readKey(byte);
    if (state === 'tree') return this.#readTree(byte);
    if (isSpace(byte)) return;
    switch (state) {
      case 'start':
        return this.#expect(byte, OPEN_OBJECT, 'key');
      case 'key':
        this.#key = '';
        return this.#expect(byte, QUOTE, 'in-key');
      case 'colon':
        return this.#expect(byte, COLON, 'value');
      case 'value':
        return this.#beginValue(byte);
      case 'strings':
        return this.#nextString(byte);
      case 'next':
        return byte === COMMA ? this.#expect(byte, COMMA, 'key') : this.#expect(byte, CLOSE_OBJECT, 'done');
      case 'done':
        throw unexpected(byte, 'end');
    }
  }

  #nextString(byte: number): void {
    if (byte === QUOTE) {
      this.#strings.begin();
      this.#state = 'string';
    } else if (byte === CLOSE_LIST) this.#state = 'next';
    else if (byte !== COMMA) throw unexpected(byte, 'strings');
  }

  #expect(byte: number, expected: number, next: State): void {
    if (byte !== expected) throw unexpected(byte, this.#state);
    this.#state = next;
  }

  #readKey(byte: number): void {
    if (byte === QUOTE) this.#state = 'colon';
    else this.#key += String.fromCharCode(byte);
    if (this.#key.length > KEY_BYTES_MAX) throw badSnapshot('a name in it has no end');
  }

  #beginValue(byte: number): void {
    if (this.#key === 'snapshot' && byte === OPEN_OBJECT) {
      this.#state = 'meta';
      return this.#readMeta(byte);
    }
    if (byte !== OPEN_LIST || !this.#meta) throw unexpected(byte, this.#key);
    if (this.#key === 'strings') this.#state = 'strings';
    else if (this.#key === 'trace_tree') {
      this.#state = 'tree';
      this.#tree.open();
    } else {
      this.#list = new NumberList(this.#expectedLength(this.#meta));
      this.#lists.set(this.#key, this.#list);
      this.#state = 'numbers';
    }
  }

  #expectedLength({ nodeCount, nodeFields, edgeCount, edgeFields }: SnapshotMeta): number {
    if (this.#key === 'nodes') return nodeCount * nodeFields.length;
    return this.#key === 'edges' ? edgeCount * edgeFields.length : 0;
  }

  /** An object, whose end is found by counting braces that are in no string. */
  #readMeta(byte: number): void {
    this.#metaText += String.fromCharCode(byte);
    if (this.#metaText.length > META_BYTES_MAX) throw badSnapshot('its description has no end');
    if (this.#inText) {
      if (this.#escaped) this.#escaped = false;
      else if (byte === BACKSLASH) this.#escaped = true;
      else if (byte === QUOTE) this.#inText = false;
    } else if (byte === QUOTE) this.#inText = true;
    else if (byte === OPEN_OBJECT) this.#depth += 1;
    else if (byte === CLOSE_OBJECT) this.#depth -= 1;
    if (this.#depth > 0) return;
    this.#meta = readMeta(this.#metaText);
    this.#state = 'next';
  }

  /** Nearly all of a snapshot is read here. */
  #readNumbers(bytes: Uint8Array, from: number): number {
    const list = this.#list;
    let number = this.#number;
    for (let at = from; at < bytes.length; at += 1) {
      const byte = bytes[at] ?? 0;
      if (byte >= ZERO && byte <= NINE) {
        number = (number < 0 ? 0 : number) * 10 + byte - ZERO;
        continue;
      }
      if (number >= 0) {
        list.push(Math.min(number, UINT32_MAX));
        number = -1;
      }
      if (byte === CLOSE_LIST) {
        this.#number = -1;
        this.#state = 'next';
        return at + 1;
      }
      if (byte !== COMMA && !isSpace(byte)) throw unexpected(byte, this.#key);
    }
    this.#number = number;
    return bytes.length;
  }

  #readTree(byte: number): void {
    if (byte >= ZERO && byte <= NINE) {
      this.#number = (this.#number < 0 ? 0 : this.#number) * 10 + byte - ZERO;
      return;
    }
    if (this.#number >= 0) this.#tree.add(this.#number);
    this.#number = -1;
    if (byte === OPEN_LIST) this.#tree.open();
    else if (byte === CLOSE_LIST) {
      if (this.#tree.close() === 0) this.#state = 'next';
    } else if (byte !== COMMA && !isSpace(byte)) throw unexpected(byte, 'trace_tree');
  }

  #readString(bytes: Uint8Array, from: number): number {
    for (let at = from; at < bytes.length; at += 1) {
      const byte = bytes[at] ?? 0;
      if (this.#escaped) this.#escaped = false;
      else if (byte === BACKSLASH) this.#escaped = true;
      else if (byte === QUOTE) {
        this.#strings.add(bytes.subarray(from, at));
        this.#state = 'strings';
        return at + 1;
      }
    }
    this.#strings.add(bytes.subarray(from));
    return bytes.length;
  }
}

function isSpace(byte: number): boolean {
  return byte === 0x0a || byte === 0x20 || byte === 0x0d || byte === 0x09;
}

function unexpected(byte: number, where: string): Error {
  return badSnapshot(`there is ${JSON.stringify(String.fromCharCode(byte))} where its \`${where}\` should go on`);
}
