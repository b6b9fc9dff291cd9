import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';

const PROGRAM = fileURLToPath(new URL('../../fixtures/loaded-code.js', import.meta.url));
const NODE_MAJOR = Number(process.versions.node.split('.')[0]);

let results: Record<string, unknown> = {};

// In a process of its own: what the tests run in loads modules in its own way.
beforeAll(async () => {
  const flags = ['--experimental-vm-modules', '--no-warnings'];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [...flags, PROGRAM]);
  expect(stderr).toBe('');
  results = JSON.parse(stdout);
});

/** Charged to the procedure, the query, the user and the pool. */
const all = (bytes: number): number[] => [bytes, bytes, bytes, bytes];

describe('code loaded at run time in a procedure is charged to it, its query and its user', () => {
  test.each([
    ['import', 2000],
    ['import of a data: URL', 2000],
    ['import of CommonJS', 2000],
    ['require', 2000],
    ['import with top-level awaits', 3000],
    ['vm.runInContext', 2000],
    ['vm.Script', 2000],
    ['vm.compileFunction', 2000],
    ['Function', 2000],
    ['vm.SourceTextModule', 2000],
    ['vm.SourceTextModule linked before', 2000],
    ['import in vm', 2000],
    ['WebAssembly that calls an import', 2000],
    ['WebAssembly.Instance', 2000],
    ['WebAssembly.instantiate of a module', 2000],
    ['WebAssembly.instantiateStreaming', 2000],
    ['WebAssembly.compileStreaming', 2000],
    ['bound', 1000],
  ])('%s', (name, bytes) => {
    expect(results[name]).toEqual(all(bytes));
  });

  test('a function that was loaded before to whoever calls it', () => {
    expect([1, 2, 3].map((nth) => results[`call ${nth}`])).toEqual([2000, 3000, 4000]);
  });

  test('and refused by the limit of the procedure', () => {
    expect(results['refused']).toEqual(['MEMTOOL_LIMIT', 'refused', 1000, 1000]);
  });
});

describe('what is not charged to it', () => {
  test('the start function of WebAssembly.instantiate of bytes, before Node 26, is charged to the pool alone', () => {
    const scoped = NODE_MAJOR >= 26 ? 1000 : 0;
    expect(results['WebAssembly.instantiate of bytes']).toEqual([scoped, scoped, scoped, 1000]);
  });

  test('that of instantiateStreaming is charged to the pool alone or as it should be, by how the compilation ended', () => {
    expect([all(1000), [0, 0, 0, 1000]]).toContainEqual(
      results['WebAssembly.instantiateStreaming with a start function'],
    );
  });

  test('a module that waits for one which another query evaluates is charged to that other', () => {
    expect(results['second of two']).toEqual([0, 0, 0, 2000]);
    expect(results['first of two']).toEqual(all(2000));
  });
});
