import { expect, test } from 'vitest';
import { readMemoryMap, sumUp } from '../../src/inspect/memory-map.ts';
import { reconcile } from '../../src/inspect/resident.ts';

const MIB = 1024 ** 2;

/** Mappings as the kernel shows them: address, permissions, name, resident KiB. */
function smaps(rows: [range: string, permissions: string, name: string, rssKib: number][]): string {
  return rows
    .map(
      ([range, permissions, name, rss]) =>
        `${range} ${permissions} 00000000 00:00 0 ${name}\nRss:  ${rss} kB\nPss:  1 kB\n`,
    )
    .join('');
}

const MAP = sumUp(
  smaps([
    ['00400000-00800000', 'r-xp', '/usr/bin/node', 4096],
    ['01000000-01200000', 'rw-p', '[heap]', 2048],
    ['1a2b3c000000-1a2b3c800000', 'rw-p', '', 8192],
    ['7f0000000000-7f0000001000', '---p', '', 0],
    ['7f0000001000-7f0000801000', 'rw-p', '', 64],
    ['7f1000000000-7f1004000000', 'rw-p', '', 40960],
    ['7ffc00000000-7ffc00021000', 'rw-p', '[stack]', 128],
  ]),
);

test('every mapping is in one sum, and they add up to what is resident', () => {
  expect(MAP).toEqual({
    rssBytes: (4096 + 2048 + 8192 + 64 + 40960 + 128) * 1024,
    fileBytes: 4 * MIB,
    stackBytes: 192 * 1024,
    v8Bytes: 8 * MIB,
    otherBytes: 42 * MIB,
  });
});

test('what the process knows of itself is taken out of the mappings, and never more than they hold', () => {
  const { rssBytes, rows } = reconcile(
    MAP,
    { heapUsedBytes: 4 * MIB, arrayBuffersBytes: 30 * MIB, memtoolBytes: 3 * MIB },
    true,
  );
  expect(Object.fromEntries(rows.map(({ name, bytes }) => [name, bytes]))).toEqual({
    'js-heap': 5 * MIB,
    'array-buffers': 30 * MIB,
    memtool: 3 * MIB,
    'thread-stacks': 192 * 1024,
    'code-and-files': 4 * MIB,
    native: 12 * MIB,
  });
  for (const figures of [
    { heapUsedBytes: 1e12, arrayBuffersBytes: 1e12, memtoolBytes: 1e12 },
    { heapUsedBytes: null, arrayBuffersBytes: null, memtoolBytes: null },
  ]) {
    const found = reconcile(MAP, figures, true);
    expect(found.rows.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(rssBytes);
    expect(found.rows.every(({ bytes }) => bytes >= 0)).toBe(true);
  }
});

test('the array buffers of worker threads are array buffers, and the rows still add up', () => {
  const inside = {
    heapUsedBytes: MIB,
    arrayBuffersBytes: 10 * MIB,
    memtoolBytes: 0,
    workers: { heapUsedBytes: MIB, arrayBuffersBytes: 20 * MIB },
  };
  const { rssBytes, rows } = reconcile(MAP, inside, true);
  expect(rows.find(({ name }) => name === 'array-buffers')?.bytes).toBe(30 * MIB);
  expect(rows.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(rssBytes);
});

test('of another program the addresses of V8 mean nothing', () => {
  const { rows } = reconcile(MAP, { heapUsedBytes: null, arrayBuffersBytes: null, memtoolBytes: null }, false);
  expect(rows.map(({ name }) => name)).toEqual(['thread-stacks', 'code-and-files', 'native']);
});

test('of this process a buffer of 50 MiB is where array buffers are', () => {
  const before = readMemoryMap(process.pid);
  const kept = Buffer.alloc(50 * MIB, 1);
  const after = readMemoryMap(process.pid);
  expect((after?.otherBytes ?? 0) - (before?.otherBytes ?? 0)).toBeGreaterThan(45 * MIB);
  expect(kept.length).toBe(50 * MIB);
  expect(readMemoryMap(2 ** 30)).toBeUndefined();
});

test("the application's heaps are whole, and what memtool has beyond V8's pages came from malloc", () => {
  const { rows } = reconcile(MAP, { heapUsedBytes: 6 * MIB, arrayBuffersBytes: 30 * MIB, memtoolBytes: 5 * MIB }, true);
  expect(Object.fromEntries(rows.map(({ name, bytes }) => [name, bytes]))).toMatchObject({
    'js-heap': 6 * MIB,
    memtool: 5 * MIB,
    'array-buffers': 30 * MIB,
    native: 9 * MIB,
  });
});
