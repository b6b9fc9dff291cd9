import type { WasmCall, WasmMemory } from './wasm-memory.ts';

type Callable = (...args: unknown[]) => unknown;

interface WatchedCall {
  memory: WasmMemory;
  call: WasmCall;
}

/** By function: one that is exported under two names is one function, watched or not. */
type Watched = WeakMap<object, Callable>;

/**
 * The exports of an instance, or other functions that run its code (`WebAssembly.promising(...)`, what a table holds), with
 * each function watched, which takes 0.1 us a call: what the memories grow by while it runs is charged to the scope of its caller when it returns, and
 * if it gives a promise, when that is settled. What grows by a call that throws is charged, too.
 *
 * A function so watched throws a MemoryLimitError when a limit refuses. Where WebAssembly itself wants a function (a table, an
 * import that is to be called directly) give it the instance's own.
 *
 * @returns a frozen object without a prototype, as an instance's exports are; what is no function is passed on as it is
 */
export function watchWasm<Exports extends object>(exports: Exports, memories: readonly WasmMemory[]): Exports {
  const watched: Watched = new WeakMap();
  const entries = Object.entries(exports).map(([name, value]: [string, unknown]) => [
    name,
    { value: isCallable(value) ? watch(value, memories, watched) : value, enumerable: true },
  ]);
  // Functions of the same parameters and results under the same names.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return Object.freeze(Object.create(null, Object.fromEntries(entries))) as Exports;
}

function watch(fn: Callable, memories: readonly WasmMemory[], watched: Watched): Callable {
  if (memories.length === 0) return fn;
  const known = watched.get(fn);
  if (known !== undefined) return known;
  const wrapper = (...args: unknown[]): unknown => callWatched(memories, fn, args);
  Object.defineProperties(wrapper, { name: { value: fn.name }, length: { value: fn.length } });
  watched.set(fn, wrapper);
  return wrapper;
}

function callWatched(memories: readonly WasmMemory[], fn: Callable, args: unknown[]): unknown {
  const calls = memories.map((memory) => ({ memory, call: memory.begin() }));
  let result: unknown;
  try {
    result = fn(...args);
  } finally {
    // A trap stays the error that it is, whatever was refused.
    for (const { memory, call } of calls) memory.end(call);
  }
  if (result instanceof Promise) return settled(calls, result);
  throwRefusal(calls);
  return result;
}

async function settled(calls: readonly WatchedCall[], promise: Promise<unknown>): Promise<unknown> {
  for (const { memory, call } of calls) memory.suspend(call);
  let result: unknown;
  try {
    result = await promise;
  } finally {
    for (const { memory, call } of calls) memory.resume(call);
  }
  throwRefusal(calls);
  return result;
}

function throwRefusal(calls: readonly WatchedCall[]): void {
  for (const { call } of calls) if (call.refusal !== undefined) throw call.refusal;
}

function isCallable(value: unknown): value is Callable {
  return typeof value === 'function';
}
