/**
 * The parts of WebAssembly's interface that are used here: Node's own types have none of them, and a library must not bring
 * those of browsers along. What a program's own types call `WebAssembly.Memory` is one of these.
 */
export interface WasmMemoryObject {
  readonly buffer: ArrayBufferLike;
  /** Takes `pages` of 64 KiB more. @returns how many there were */
  grow(pages: number): number;
}

/** As for `new WebAssembly.Memory`, in pages of 64 KiB. */
export interface WasmMemoryDescriptor {
  initial: number;
  maximum?: number;
  /** For threads; needs a `maximum`. */
  shared?: boolean;
}

export interface WasmInstanceObject {
  readonly exports: Record<string, unknown>;
}

interface WasmImport {
  module: string;
  name: string;
  kind: string;
}

interface WasmApi {
  Memory: new (descriptor: WasmMemoryDescriptor) => WasmMemoryObject;
  Module: { imports(module: object): WasmImport[] };
  compile(bytes: Uint8Array): Promise<object>;
  instantiate(module: object, imports: object): Promise<WasmInstanceObject>;
}

declare const WebAssembly: WasmApi;

export const PAGE_BYTES: number = 64 * 1024;
/** A memory of 32-bit addresses has no more. */
export const PAGES_MAX = 65_536;

/** Not a constant: with `--jitless` there is none, and memtool must still load. */
export function wasmApi(): WasmApi {
  return WebAssembly;
}

/** Whether it is a `WebAssembly.Memory`, of whatever realm: `instanceof` knows only those of its own. */
export function isWasmMemory(value: unknown): value is WasmMemoryObject {
  return Object.prototype.toString.call(value) === '[object WebAssembly.Memory]';
}
