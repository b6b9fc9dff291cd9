import { describe, expect, test } from 'vitest';
import { WasmBinary } from '../../src/memory/wasm/wasm-binary.ts';
import { codeOf, wrong } from './make-manager.ts';
import { assemble, imports, list, moduleBytes, PAGE, text, wasm } from './wasm-module.ts';

/** Pages that a module's memory can grow by at the most, by trying. */
function growsBy(bytes: Uint8Array, env: Record<string, unknown> = {}): number {
  const { exports } = new wasm.Instance(new wasm.Module(bytes), imports(env));
  let pages = 0;
  while (pages < 200 && exports.grow(1) !== -1) pages += 1;
  return pages;
}

describe('a module`s memories', () => {
  test('can grow by no more than they are let, in every shape, and are all exported', () => {
    for (const isExported of [true, false]) {
      for (const maximum of [undefined, 3, 150]) {
        for (const startPages of [undefined, 1]) {
          for (const allowed of [0, 5, 140, Infinity]) {
            const binary = new WasmBinary(moduleBytes({ initial: 2, isExported, maximum, startPages }));
            const bounded = binary.bounded(allowed);
            const { instance } = instantiate(bounded);
            const name = isExported ? 'memory' : 'memtool:memory-0';
            expect(binary.memories).toEqual([{ initialBytes: 2 * PAGE, exportName: name }]);
            expect(Object.keys(instance.exports)).toContain(name);
            const started = allowed === 0 ? 0 : (startPages ?? 0);
            const most = Math.min(allowed, (maximum ?? Infinity) - 2, 200 + started);
            expect(growsBy(bounded)).toBe(most - started);
          }
        }
      }
    }
  });

  test('that are as they must be leave the module as it is', () => {
    const bytes = moduleBytes();
    expect(new WasmBinary(bytes).bounded(Infinity)).toBe(bytes);
  });

  test('that are imported are not the module`s', () => {
    const imported = moduleBytes({ isImported: true, isExported: false, initial: 1 });
    const binary = new WasmBinary(imported);
    expect([binary.memories, binary.bounded(3) === imported]).toEqual([[], true]);
  });

  // Node 22 and later.
  const several = moduleBytes({ more: 1, maximum: 9 });
  test.runIf(wasm.validate(several))('of which there are several are each bounded and exported', () => {
    const binary = new WasmBinary(several);
    expect(binary.memories.map(({ exportName }) => exportName)).toEqual(['memory', 'memtool:memory-1']);
    const { exports } = instantiate(binary.bounded(3)).instance;
    for (const memory of Object.values(exports).filter((value) => value instanceof wasm.Memory)) {
      expect(() => memory.grow(4)).toThrow(RangeError);
      expect(memory.grow(3)).toBe(1);
    }
  });

  const beside = assemble([
    // With a global of type (ref null extern) before it.
    [
      2,
      list([
        [...text('env'), ...text('any'), 3, 0x63, 0x6f, 0],
        [...text('env'), ...text('memory'), 2, 0, 1],
      ]),
    ],
    [5, list([[0, 2]])],
  ]);
  test.runIf(wasm.validate(beside))('that are defined beside an imported one are told from it', () => {
    const bounded = new WasmBinary(beside).bounded(3);
    const memory = new wasm.Memory({ initial: 1 });
    const { exports } = new wasm.Instance(new wasm.Module(bounded), imports({ any: null, memory }));
    expect(Object.keys(exports)).toEqual(['memtool:memory-0']);
    const [defined] = Object.values(exports).filter((value) => value instanceof wasm.Memory);
    expect([defined === memory, defined?.buffer.byteLength]).toEqual([false, 2 * PAGE]);
  });

  const wide = assemble([
    [5, list([[4, 2]])],
    [7, list([[...text('memory'), 2, 0]])],
  ]);
  test.runIf(wasm.validate(wide))('of 64-bit addresses are bounded', () => {
    const { memory } = instantiate(new WasmBinary(wide).bounded(3)).instance.exports;
    // Node 22 takes numbers, and later ones take BigInts.
    const takesBigInts = codeOf(() => memory.grow(wrong(0n))) === 2n;
    expect(() => memory.grow(wrong(takesBigInts ? 4n : 4))).toThrow(RangeError);
    memory.grow(wrong(takesBigInts ? 3n : 3));
    expect(memory.buffer.byteLength).toBe(5 * PAGE);
  });

  test('keep all other sections', () => {
    const bytes = moduleBytes({ startPages: 1 });
    const { instance } = instantiate(new WasmBinary(bytes).bounded(7));
    expect(Object.keys(instance.exports)).toEqual(['memory', 'grow', 'trap', 'callHost', 'promise', 'growToo']);
    expect(() => instance.exports.trap(1)).toThrow('unreachable');
  });

  test('are found behind imports of every kind, and exported where nothing else is', () => {
    const bytes = assemble([
      [1, list([[0x60, 0, 0]])],
      [
        2,
        list([
          [...text('env'), ...text('table'), 1, 0x70, 1, 0, 9],
          [...text('env'), ...text('global'), 3, 0x7f, 0],
          [...text('env'), ...text('host'), 0, 0],
          [...text('env'), ...text('any'), 3, 0x6f, 1],
        ]),
      ],
      [5, list([[0, 1]])],
      [11, list([[0, 0x41, 0, 0x0b, 2, 7, 9]])],
    ]);
    const binary = new WasmBinary(bytes);
    const { exports } = new wasm.Instance(
      new wasm.Module(binary.bounded(4)),
      imports({
        table: new wasm.Table({ element: 'anyfunc', initial: 3, maximum: 4 }),
        global: new wasm.Global({ value: 'i32' }, 1),
        any: new wasm.Global({ value: 'externref', mutable: true }, {}),
      }),
    );
    const memory: unknown = Object.values(exports)[0];
    expect(Object.keys(exports)).toEqual(['memtool:memory-0']);
    expect(memory).toBeInstanceOf(wasm.Memory);
    if (!(memory instanceof wasm.Memory)) return;
    expect([...new Uint8Array(memory.buffer, 0, 3)]).toEqual([7, 9, 0]);
    expect(() => memory.grow(5)).toThrow(RangeError);
  });

  test('of what is no module are none', () => {
    const whole = moduleBytes({ startPages: 1, isExported: false });
    for (let length = 0; length < whole.length; length += 1) {
      const cut = whole.subarray(0, length);
      const bounded = new WasmBinary(cut).bounded(1);
      // The engine says what is wrong.
      expect(wasm.validate(bounded)).toBe(wasm.validate(cut));
    }
    // A flipped byte may or may not be valid, as it may or may not be before.
    for (let at = 0; at < whole.length; at += 1) {
      for (const bit of [1, 0x40, 0x80]) {
        const broken = Uint8Array.from(whole);
        broken[at] = (broken[at] ?? 0) ^ bit;
        const bounded = new WasmBinary(broken).bounded(1);
        if (wasm.validate(broken)) expect(wasm.validate(bounded)).toBe(true);
      }
    }
  });
});

function instantiate(bytes: Uint8Array) {
  return { instance: new wasm.Instance(new wasm.Module(bytes), imports()) };
}
