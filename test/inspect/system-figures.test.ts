import { expect, test } from 'vitest';
import { readMainThread, readMappings, readSystemFigures } from '../../src/inspect/system-figures.ts';

const MAPS = `55d0c8a00000-55d0cc000000 r-xp 00000000 fe:00 123 /usr/bin/node
7f1c00000000-7f1c00021000 rw-p 00000000 00:00 0
7f1c00021000-7f1c04000000 ---p 00000000 00:00 0
7f1c04000000-7f1c04800000 rw-p 00000000 00:00 0
7f1c04800000-7f1c08000000 ---p 00000000 00:00 0
7f1c10000000-7f1c10021000 rw-p 00000000 00:00 0
7f1c20000000-7f1c20100000 r-xp 00000000 fe:00 77 /srv/app/node_modules/better-sqlite3/build/Release/better_sqlite3.node
7f1c20100000-7f1c20200000 r--p 00100000 fe:00 77 /srv/app/node_modules/better-sqlite3/build/Release/better_sqlite3.node
7f1c30000000-7f1c30100000 r-xp 00000000 fe:00 78 /usr/lib/x86_64-linux-gnu/libjemalloc.so.2
`;

test('arenas of malloc, other allocators and add-ons are told from the mappings', () => {
  expect(readMappings(MAPS)).toEqual({ mallocArenas: 2, allocator: 'jemalloc', addons: ['better_sqlite3.node'] });
  expect(readMappings('')).toEqual({ mallocArenas: 0, allocator: null, addons: [] });
});

test.skipIf(process.platform !== 'linux')('of a process that runs all is known, of none nothing', () => {
  const figures = readSystemFigures(process.pid);
  expect(figures?.threads).toBeGreaterThan(1);
  expect(figures?.machine?.totalBytes).toBeGreaterThan(figures?.machine?.availableBytes ?? Infinity);
  expect(readSystemFigures(2 ** 22 + 1)).toBeUndefined();
  expect(readMainThread(2 ** 22 + 1)).toBeUndefined();
});

test.skipIf(process.platform !== 'linux')('a thread that computes is runnable meanwhile', () => {
  const before = readMainThread(process.pid);
  for (const end = performance.now() + 300; performance.now() < end;);
  const after = readMainThread(process.pid);
  expect((after?.runnableSeconds ?? 0) - (before?.runnableSeconds ?? 0)).toBeGreaterThan(0.1);
});
