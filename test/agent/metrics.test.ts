import { expect, test } from 'vitest';
import { freshDirectory, Subject } from './subject.ts';

const MIB = 1024 * 1024;

/** Holds objects on the heap that its sampler sees, and memory in pools; does as it is told. */
const PROGRAM = `
  import { createInterface } from 'node:readline';
  import { MemoryManager } from 'memtool';
  const memory = new MemoryManager({ name: 'orders', autoCleanup: false, limit: '1GiB' });
  memory.observe('duckdb', async () => ({ usedBytes: 96, limitBytes: 100 }));
  globalThis.held = Array.from({ length: 400_000 }, (_, index) => ({ index, text: 'row ' + index }));
  const taken = [];
  createInterface({ input: process.stdin }).on('line', (line) => {
    if (line === 'orphan') memory.query('q-1', {}, () => memory.pool('query').reserve(4096, { tag: 'rows' }));
    if (line === 'grow') setInterval(() => taken.push(memory.pool('cache').reserve(100_000, { tag: 'rows' })), 500);
    if (line === 'spin') { console.log('spinning'); for (;;); }
    console.log('done');
  });
`;

function start(): Subject {
  return new Subject(['--input-type=module', '-e', PROGRAM], freshDirectory());
}

/** Asks again until it says so. */
async function until(subject: Subject, expected: RegExp): Promise<string> {
  for (let look = 0; look < 200; look += 1) {
    // oxlint-disable-next-line no-await-in-loop -- one look after the other
    const { body } = await subject.ask('/metrics');
    if (expected.test(body)) return body;
    // oxlint-disable-next-line no-await-in-loop
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error(`It never said ${expected}.`);
}

test('what an ended query still holds is a leak of the ledger; of the heap nothing is said until somebody asks', async () => {
  const subject = start();
  await subject.tell('orphan');
  const before = await until(subject, /^memtool_leak_bytes\{verdict="leak",kind="orphaned",source="pool"\} 4096$/m);
  expect(before).toContain('memtool_leaks{verdict="leak",kind="orphaned",source="pool"} 1\n');
  expect(before).toContain('memtool_leak_bytes{verdict="leak",kind="lost",source="pool"} 0\n');
  expect(before).toContain('memtool_pool_lost_released_bytes_total{manager="orders",pool="query"} 0\n');
  expect(before).not.toMatch(/source="(heap|buffers)"/);

  await subject.json('/v1/leaks?age=0');
  const { body } = await subject.ask('/metrics');
  const [, bytes] = /^memtool_leak_bytes\{verdict="\w+",kind="\w+",source="heap"\} (\d+(?:\.\d+)?)$/m.exec(body) ?? [];
  expect(Number(bytes)).toBeGreaterThan(MIB);
  // What the last reading said, with the age that was asked for: nothing is an hour old.
  await subject.json('/v1/leaks?age=3600');
  const later = await subject.ask('/metrics');
  expect(later.body).not.toContain('source="heap"');
  expect(later.body).toContain('memtool_heap_read_timestamp_seconds ');
  await subject.end();
});

test('levels, limits and the time to a limit of what grows', async () => {
  const subject = start();
  await subject.tell('grow');
  const body = await until(subject, /^memtool_pool_seconds_to_limit\{manager="orders",pool="cache"\} \d/m);
  const seconds = Number(/^memtool_pool_seconds_to_limit\{[^}]*\} (\S+)$/m.exec(body)?.[1]);
  // 100 MiB at 0.2 MB a second.
  expect(seconds).toBeGreaterThan(60);
  expect(seconds).toBeLessThan(3600);
  expect(body).toMatch(/^memtool_manager_seconds_to_limit\{manager="orders"\} \d/m);
  expect(body).toContain('memtool_observed_level{manager="orders",pool="duckdb"} 2\n');
  expect(body).toContain('memtool_level 2\n');
  expect(body).toContain(`memtool_manager_limit_bytes{manager="orders"} ${1024 * MIB}\n`);
  // What does not grow has no time.
  expect(body).not.toMatch(/^memtool_pool_seconds_to_limit\{manager="orders",pool="temp"\}/m);
  await subject.end();
});

test('while the main thread is in an endless loop, pools are there', async () => {
  const subject = start();
  expect(await subject.tell('spin')).toBe('spinning');
  const { status, body } = await subject.ask('/metrics');
  expect(status).toBe(200);
  expect(body).toContain('memtool_pool_used_bytes{manager="orders",pool="cache"} 0\n');
  expect(body).toMatch(/^memtool_process_resident_bytes \d+$/m);
  expect(body).not.toContain('memtool_observed_used_bytes');
  await subject.end();
});
