import { isAnyArrayBuffer } from 'node:util/types';
import type { MemoryPool } from '../pool.ts';
import type { ReserveOptions } from '../pool-options.ts';
import { checkScope } from '../scope/check-scope.ts';
import { ADDED_EXPORT, WasmBinary, type DefinedMemory } from './wasm-binary.ts';
import { watchWasm } from './wasm-calls.ts';
import type { WasmCharge } from './wasm-charge.ts';
import { chargeWasmMemory, takeCharge, WasmMemory } from './wasm-memory.ts';
import { roomPages } from './wasm-room.ts';
import { isWasmMemory, wasmApi, type WasmInstanceObject, type WasmMemoryObject } from './wasm-runtime.ts';

/** An instance whose memories are charged. */
export interface WasmInstance<Exports extends object> {
  /** Its exports; calls of the functions are watched (`watchWasm`). */
  exports: Exports;
  /** The `WebAssembly.Instance` itself: calls of its own exports are not watched. */
  instance: WasmInstanceObject;
  /** The `WebAssembly.Module`. */
  module: object;
  /** Its memories, defined, imported or exported. */
  memories: readonly WasmMemory[];
  /** Frees those of the memories that it charged: no need to wait for the collector. Freeing again does nothing. */
  free(): void;
  [Symbol.dispose](): void;
}

/** A memory that the module defines, and what was charged for it beforehand. */
interface ChargedBefore extends DefinedMemory {
  charge: WasmCharge;
}

type Imports = Record<string, Record<string, unknown>>;

/**
 * Instantiates WebAssembly code so that its memories are charged to the pool, and to the active scope or that of the options:
 * what they begin with beforehand; what they grow by later to whoever calls. Its start function runs in that scope, too,
 * which `WebAssembly.instantiate` of bytes loses (Node 20 to 24).
 *
 * Of a module given as bytes, a memory that it defines gets a maximum of what the limits leave free now, if that is less than
 * its own: the instruction to grow then fails, as it does without memory, before a limit is passed. Of a `WebAssembly.Module`,
 * which cannot be changed any more, growth is refused only once it has happened, and a memory that is neither exported nor
 * imported is not seen at all. Memories that are imported are charged unless they are already.
 *
 * @param source a module's bytes, or a `WebAssembly.Module`
 * @throws MemoryLimitError when refused; MemtoolError `MEMTOOL_SCOPE_ENDED`, `MEMTOOL_CLOSED`; whatever `WebAssembly.compile` and
 *   `WebAssembly.instantiate` throw
 */
export async function instantiateWasm<Exports extends object = Record<string, unknown>>(
  pool: MemoryPool,
  source: object,
  imports: Imports = {},
  options: ReserveOptions = {},
): Promise<WasmInstance<Exports>> {
  const { scope } = options;
  const instantiate = async (): Promise<WasmInstance<Exports>> => {
    const bytes = bytesOf(source);
    return bytes === undefined
      ? link<Exports>(pool, source, imports, options, [])
      : compileAndLink<Exports>(pool, new WasmBinary(bytes), imports, options);
  };
  return scope === undefined ? instantiate() : checkScope(scope, pool.ledger).run(instantiate);
}

async function compileAndLink<Exports extends object>(
  pool: MemoryPool,
  binary: WasmBinary,
  imports: Imports,
  options: ReserveOptions,
): Promise<WasmInstance<Exports>> {
  const defined: ChargedBefore[] = [];
  try {
    for (const memory of binary.memories)
      defined.push({ ...memory, charge: takeCharge(pool, memory.initialBytes, options) });
    const module = await wasmApi().compile(binary.bounded(roomPages(pool, defined[0]?.charge.home)));
    return await link<Exports>(pool, module, imports, options, defined);
  } catch (error) {
    for (const { charge } of defined) charge.free();
    throw error;
  }
}

async function link<Exports extends object>(
  pool: MemoryPool,
  module: object,
  imports: Imports,
  options: ReserveOptions,
  defined: readonly ChargedBefore[],
): Promise<WasmInstance<Exports>> {
  const fresh: WasmMemory[] = [];
  const charge = (memory: WasmMemoryObject): WasmMemory => {
    const known = WasmMemory.of(memory);
    if (known !== undefined) return known;
    const made = chargeWasmMemory(pool, memory, options);
    fresh.push(made);
    return made;
  };
  try {
    const imported = memoriesAmong(
      wasmApi()
        .Module.imports(module)
        .map((one) => imports[one.module]?.[one.name]),
    );
    const memories = new Set(imported.map(charge));
    const instance = await wasmApi().instantiate(module, imports);
    for (const { exportName, initialBytes, charge: before } of defined) {
      for (const memory of memoriesAmong([instance.exports[exportName]]))
        fresh.push(new WasmMemory(memory, before, initialBytes));
    }
    for (const memory of memoriesAmong(Object.values(instance.exports))) memories.add(charge(memory));
    // What the start function took.
    for (const memory of memories) memory.sync();
    // What they are is for the caller to know.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    const exports = ownExports(instance) as Exports;
    const free = (): void => {
      for (const memory of fresh) memory[Symbol.dispose]();
    };
    return {
      exports: watchWasm(exports, [...memories]),
      instance,
      module,
      memories: [...memories],
      free,
      [Symbol.dispose]: free,
    };
  } catch (error) {
    for (const memory of fresh) memory.free();
    throw error;
  }
}

/** Without those that were added to the module. */
function ownExports({ exports }: WasmInstanceObject): object {
  return Object.fromEntries(Object.entries(exports).filter(([name]) => !name.startsWith(ADDED_EXPORT)));
}

function memoriesAmong(values: readonly unknown[]): WasmMemoryObject[] {
  return values.filter(isWasmMemory);
}

function bytesOf(source: object): Uint8Array | undefined {
  if (ArrayBuffer.isView(source)) return new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
  return isAnyArrayBuffer(source) ? new Uint8Array(source) : undefined;
}
