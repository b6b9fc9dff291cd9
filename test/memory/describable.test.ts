import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { makeManager } from './make-manager.ts';

test('what a program logs of its pools and handles is a few facts, not the ledger', () => {
  const { memory } = makeManager({ limit: '1GiB' });
  const pool = memory.pool('query');
  const rows = pool.reserveOrThrow(1000, { tag: 'rows' });
  const page = pool.allocateOrThrow(24, { tag: 'page' });
  const facts = {
    kind: 'pool',
    name: 'query',
    limitBytes: 52_428_800,
    usedBytes: 1024,
    peakBytes: 1024,
    level: 'normal',
  };
  expect(JSON.parse(JSON.stringify({ account: pool, level: pool.level }))).toEqual({ account: facts, level: 'normal' });
  expect(JSON.parse(JSON.stringify(rows))).toEqual({ pool: 'query', size: 1000, tag: 'rows', isHeld: true });
  expect(JSON.parse(JSON.stringify(page))).toEqual({ pool: 'query', size: 24, tag: 'page', isHeld: true });
  expect(JSON.parse(JSON.stringify(memory))).toMatchObject({ kind: 'manager', name: 'test', usedBytes: 1024 });
  for (const one of [memory, pool, rows, page]) expect(inspect(one).length).toBeLessThan(1000);
});
