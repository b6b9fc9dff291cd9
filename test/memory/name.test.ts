import { expect, test } from 'vitest';
import { checkName } from '../../src/memory/name.ts';
import { codeOf } from './make-manager.ts';

test.each([5n, null, undefined, 7, {}, Symbol('name'), '', 'x'.repeat(101)])('%s is no name', (name) => {
  expect(codeOf(() => checkName(name, 'A pool'))).toBe('MEMTOOL_INVALID_OPTION');
});

test('a name may be as long in characters, but where the ledger must hold it all no longer in bytes', () => {
  const name = 'ü'.repeat(100);
  expect(codeOf(() => checkName(name, 'A query'))).toBeUndefined();
  expect(codeOf(() => checkName(name, 'A pool', 199))).toBe('MEMTOOL_INVALID_OPTION');
  expect(codeOf(() => checkName(name, 'A pool', 200))).toBeUndefined();
});
