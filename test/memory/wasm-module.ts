/** WebAssembly modules for the tests, put together byte by byte: no tool is needed. */
import type { WasmMemoryDescriptor, WasmMemoryObject } from '../../src/memory/wasm/wasm-runtime.ts';

export interface ModuleShape {
  initial?: number;
  maximum?: number | undefined;
  /** Default true. */
  isExported?: boolean;
  /** Whether the memory is imported as `env.memory`, not defined. */
  isImported?: boolean;
  /** More memories that it defines, not exported. */
  more?: number;
  /** Pages that its start function grows by. */
  startPages?: number | undefined;
  isShared?: boolean;
}

/** What such a module exports. */
export interface Exports {
  memory: WasmMemoryObject;
  /** `memory.grow`, the instruction. @returns pages before, or -1 */
  grow: (pages: number) => number;
  /** The same function. */
  growToo: (pages: number) => number;
  /** Grows, then traps. */
  trap: (pages: number) => number;
  /** Grows, then calls `env.host`, which every module imports. */
  callHost: (pages: number) => number;
  /** Grows and returns what `env.promise` gives. */
  promise: (pages: number) => Promise<unknown>;
}

export const PAGE: number = 64 * 1024;

export function moduleBytes(shape: ModuleShape = {}): Uint8Array<ArrayBuffer> {
  const { isExported = true, isImported = false, more = 0, startPages } = shape;
  const limits = encodeLimits(shape);
  const imported = [
    [...text('env'), ...text('host'), 0, 0],
    [...text('env'), ...text('promise'), 0, 1],
    ...(isImported ? [[...text('env'), ...text('memory'), 2, ...limits]] : []),
  ];
  const memories = [...(isImported ? [] : [limits]), ...Array.from({ length: more }, () => [0, 1])];
  const exports = [
    ...(isExported ? [[...text('memory'), 2, 0]] : []),
    ...['grow', 'trap', 'callHost', 'promise'].map((name, index) => [...text(name), 0, 2 + index]),
    [...text('growToo'), 0, 2],
  ];
  const bodies = [
    [0x20, 0, 0x40, 0, 0x0b],
    [0x20, 0, 0x40, 0, 0, 0x0b],
    [0x20, 0, 0x40, 0, 0x10, 0, 0x0b],
    [0x20, 0, 0x40, 0, 0x1a, 0x10, 1, 0x0b],
    ...(startPages === undefined ? [] : [[0x41, ...number(startPages), 0x40, 0, 0x1a, 0x10, 0, 0x0b]]),
  ];
  return assemble([
    // () -> (), () -> externref, (i32) -> i32, (i32) -> externref
    [
      1,
      list([
        [0x60, 0, 0],
        [0x60, 0, 1, 0x6f],
        [0x60, 1, 0x7f, 1, 0x7f],
        [0x60, 1, 0x7f, 1, 0x6f],
      ]),
    ],
    [2, list(imported)],
    [3, list([[2], [2], [2], [3], ...(startPages === undefined ? [] : [[0]])])],
    ...(memories.length === 0 ? [] : [section(5, list(memories))]),
    [7, list(exports)],
    ...(startPages === undefined ? [] : [section(8, [6])]),
    [10, list(bodies.map((body) => [...number(body.length + 1), 0, ...body]))],
    // A custom section, as compilers append.
    [0, [...text('name'), 1, 2, 3]],
  ]);
}

/** A module of these sections. */
export function assemble(sections: readonly [id: number, content: number[]][]): Uint8Array<ArrayBuffer> {
  const bytes = sections.flatMap(([id, content]) => [id, ...number(content.length), ...content]);
  return Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, ...bytes]);
}

export function list(items: readonly number[][]): number[] {
  return [...number(items.length), ...items.flat()];
}

export function text(value: string): number[] {
  return [...number(value.length), ...Buffer.from(value)];
}

/** LEB128; the tests' signed ones are small and not negative. */
export function number(value: number): number[] {
  return value < 0x40 ? [value] : [(value & 0x7f) | 0x80, ...number(value >> 7)];
}

function section(id: number, content: number[]): [id: number, content: number[]] {
  return [id, content];
}

function encodeLimits({ initial = 1, maximum, isShared = false }: ModuleShape): number[] {
  const flags = (maximum === undefined ? 0 : 1) + (isShared ? 2 : 0);
  return [flags, ...number(initial), ...(maximum === undefined ? [] : number(maximum))];
}

/** What every module wants. */
export function imports(env: Record<string, unknown> = {}): { env: Record<string, unknown> } {
  return { env: { host: () => {}, promise: async () => {}, ...env } };
}

interface Api {
  Memory: (new (descriptor: WasmMemoryDescriptor) => WasmMemoryObject) & { prototype: WasmMemoryObject };
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object, imports: object) => { exports: Exports };
  Global: new (descriptor: { value: string; mutable?: boolean }, value: unknown) => object;
  Table: new (descriptor: { element: string; initial: number; maximum?: number }) => object;
  /** Node 26; with a flag since 24. */
  promising?: (fn: (pages: number) => number) => (pages: number) => Promise<number>;
  Suspending?: new (fn: () => Promise<void>) => object;
  validate(bytes: Uint8Array): boolean;
  compile(bytes: Uint8Array): Promise<object>;
}

declare const WebAssembly: Api;

export const wasm: Api = WebAssembly;

/** Without memtool. */
export function plainExports(shape: ModuleShape = {}, env: Record<string, unknown> = {}): Exports {
  return new wasm.Instance(new wasm.Module(moduleBytes(shape)), imports(env)).exports;
}
