import { expect, test } from 'vitest';
import { renderCleanup } from '../../src/render/cleanup.ts';
import { AT_80, CLEANUP, IDENTITY } from './sample.ts';

test('80 columns: what was given back, what was left and why, and what the layers say', () => {
  expect(renderCleanup(CLEANUP, AT_80)).toMatchInlineSnapshot(`
    "orders-api  pid 4242  Node 20.20.0  up 5m 12s

      Gave back 3.0 MiB to the pools, and 2.0 MiB of idle memory:
      KIND   POOL   TAG           COUNT    BYTES
      lost   query  profile-rows    120  3.0 MiB
      total                         120  3.0 MiB
      idle   query  -                 1  2.0 MiB

      Left in place:
      KIND   POOL   TAG    COUNT     BYTES
      stale  cache  pages      2  40.0 MiB
              Still referred to; only --force takes it, and its holder then gets an
              error.

      LAYER       BEFORE     AFTER    CHANGE
      heap      12.0 MiB   9.0 MiB  -3.0 MiB
      external   2.0 MiB   2.0 MiB       0 B
      RSS       80.0 MiB  81.0 MiB  +1.0 MiB
      The collection stopped the application for 42 ms.
      RSS fell by less: the C library keeps what threads have freed for what they
      ask for next."
  `);
});

test('a dry run only says what it would do', () => {
  expect(renderCleanup({ ...CLEANUP, dryRun: true }, AT_80)).toContain('Would give back 3.0 MiB to the pools, and');
});

test.each([
  [false, 'Nothing to give back.'],
  [true, 'Nothing would be given back.'],
])('nothing, dry run %s', (dryRun, sentence) => {
  const processes = [{ ...IDENTITY, reclaimed: [], left: [], totals: { count: 0, bytes: 0 } }];
  expect(renderCleanup({ ...CLEANUP, dryRun, processes }, AT_80)).toBe(
    `orders-api  pid 4242  Node 20.20.0  up 5m 12s\n\n  ${sentence}`,
  );
});

test('where nothing has a tag there is no column for it', () => {
  const processes = CLEANUP.processes.map((found) =>
    'reclaimed' in found ? { ...found, reclaimed: found.reclaimed.map((row) => ({ ...row, tag: null })) } : found,
  );
  expect(renderCleanup({ ...CLEANUP, processes }, AT_80)).toMatch(/^ {2}KIND {3}POOL {3}COUNT {4}BYTES\n/m);
});
