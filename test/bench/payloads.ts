import { MemoryManager, type MemoryPool } from 'memtool';
import { boundedStream, RecordTable, SharedPayload } from 'memtool/structures';
import { contest, median, type BenchRow } from './ratio.ts';

const SUBSCRIBERS = 100;
/** Messages that wait to be sent at a time, so that what they take can be measured. */
const MESSAGES = 200;
const ROWS = 100_000;
const RECORDS = 100_000;
const TOPICS = 1000;
/** Rounds in which the compiler is at work. */
const WARM_UPS = 3;

/** What the structures are for, before and after: memory as the process counts it once everything collectable is collected. */
export async function bench(): Promise<BenchRow[]> {
  const memory = new MemoryManager({ name: 'bench', agent: false, pools: { bench: { limit: '10GB' } } });
  const pool = memory.pool('bench');
  const rows = [...(await payloads(pool)), ...(await scans(pool)), ...(await records(pool))];
  memory.close();
  return rows;
}

async function payloads(pool: MemoryPool): Promise<BenchRow[]> {
  const copiedBytes = await growth(() =>
    Array.from({ length: MESSAGES }, (_, id) =>
      Array.from({ length: SUBSCRIBERS }, () => Buffer.from(JSON.stringify(message(id)))),
    ),
  );
  let chargedBytes = 0;
  const sharedBytes = await growth(
    () => {
      const held = Array.from({ length: MESSAGES }, (_, id) => {
        const payload = SharedPayload.encodeOrThrow(message(id), { pool, tag: 'message' });
        const holders = Array.from({ length: SUBSCRIBERS }, () => payload.hold());
        payload.release();
        return holders;
      });
      chargedBytes = pool.usedBytes;
      return held;
    },
    (held) => {
      for (const holders of held) for (const holder of holders) holder.release();
    },
  );
  const size = Buffer.byteLength(JSON.stringify(message(0)));
  const time = await contest({
    count: 200,
    baseline: (count) => {
      for (let id = 0; id < count; id += 1)
        for (let each = 0; each < SUBSCRIBERS; each += 1) sent += Buffer.from(JSON.stringify(message(id))).length;
    },
    subject: (count) => {
      for (let id = 0; id < count; id += 1) {
        const payload = SharedPayload.encodeOrThrow(message(id), { pool, tag: 'message' });
        for (let each = 0; each < SUBSCRIBERS; each += 1) {
          const holder = payload.hold();
          sent += holder.bytes.length;
          holder.release();
        }
        payload.release();
      }
    },
  });
  return [
    {
      work: `bytes of a message for ${SUBSCRIBERS} subscribers, as a SharedPayload`,
      baseline: 'a copy for each',
      ratio: sharedBytes / copiedBytes,
      target: { max: 0.1 },
      note: `${per(sharedBytes, MESSAGES)} bytes, of which ${per(sharedBytes - chargedBytes, MESSAGES)} are the ${SUBSCRIBERS} holders, against ${per(copiedBytes, MESSAGES)}; charged to the pool: ${per(chargedBytes, MESSAGES)}, the message has ${size}`,
    },
    {
      work: 'the same, time to encode and to hold and release for each',
      baseline: 'to encode for each',
      ratio: time.ratio,
      target: { max: 0.1 },
      note: `${(time.subjectNs / 1000).toFixed(1)} us against ${(time.baselineNs / 1000).toFixed(1)}`,
    },
  ];
}

async function scans(pool: MemoryPool): Promise<BenchRow[]> {
  const maxBytes = 64 * 1024;
  const collected = await peakBytes(async (look) => {
    const rows: Row[] = [];
    for await (const row of scan()) rows.push(row);
    await look();
    for (const row of rows) sent += row.id;
  });
  let mostCharged = 0;
  const streamed = await peakBytes(async (look) => {
    for await (const row of boundedStream(scan(), { pool, maxBytes, sizeOf: rowBytes, tag: 'rows' })) {
      sent += row.id;
      mostCharged = Math.max(mostCharged, pool.usedBytes);
      if (row.id % (ROWS / 20) === 0) await look();
    }
  });
  const times: Record<'collected' | 'plain' | 'bounded', number[]> = { collected: [], plain: [], bounded: [] };
  for (let round = 0; round < WARM_UPS + 9; round += 1) {
    // One after the other, or they would share the time.
    // oxlint-disable-next-line no-await-in-loop
    times.collected.push(
      await timeMs(async () => {
        const rows: Row[] = [];
        for await (const row of scan()) rows.push(row);
        for (const row of rows) sent += row.id;
      }),
    );
    // oxlint-disable-next-line no-await-in-loop
    times.plain.push(
      await timeMs(async () => {
        for await (const row of scan()) sent += row.id;
      }),
    );
    // oxlint-disable-next-line no-await-in-loop
    times.bounded.push(
      await timeMs(async () => {
        for await (const row of boundedStream(scan(), { pool, maxBytes, sizeOf: rowBytes, tag: 'rows' }))
          sent += row.id;
      }),
    );
  }
  for (const each of Object.values(times)) each.splice(0, WARM_UPS);
  const ms = { collected: median(times.collected), plain: median(times.plain), bounded: median(times.bounded) };
  return [
    {
      work: `peak memory of a scan of ${ROWS} rows, as a boundedStream of 64 KiB`,
      baseline: 'collected',
      ratio: streamed / collected,
      target: { max: 0.05 },
      note: `${mib(streamed)} MiB against ${mib(collected)}; at most ${mostCharged} bytes were charged at a time`,
    },
    {
      work: 'the same, CPU time',
      baseline: 'collected',
      ratio: median(times.bounded.map((bounded, round) => bounded / (times.collected[round] ?? NaN))),
      target: { max: 1.5 },
      note: `${ms.bounded.toFixed(0)} ms against ${ms.collected.toFixed(0)}; a plain for await, which counts nothing, ${ms.plain.toFixed(0)}`,
    },
  ];
}

async function records(pool: MemoryPool): Promise<BenchRow[]> {
  const objects = new Map<string, SubscriberObject>();
  const objectBytes = await growth(() => {
    for (let id = 0; id < RECORDS; id += 1) objects.set(`subscriber-${id}`, subscriberObject(id));
    return objects;
  });
  const table = makeTable(pool);
  const ids = new Float64Array(RECORDS);
  const tableBytes = await growth(() => {
    for (let id = 0; id < RECORDS; id += 1) ids[id] = table.addOrThrow(subscriberRecord(id));
    return table;
  });
  const names = Array.from({ length: RECORDS }, (_, id) => `subscriber-${id}`);
  const read = await contest({
    count: 1_000_000,
    baseline: (count) => {
      for (let turn = 0; turn < count; turn += 1) sent += objects.get(names[(turn * 7919) % RECORDS] ?? '')?.sent ?? 0;
    },
    subject: (count) => {
      for (let turn = 0; turn < count; turn += 1) sent += table.get(ids[(turn * 7919) % RECORDS] ?? 0, 'sent');
    },
  });
  const write = await contest({
    count: 100_000,
    baseline: (count) => {
      const added = new Map<string, SubscriberObject>();
      for (let id = 0; id < count; id += 1) added.set(names[id] ?? '', subscriberObject(id));
      sent += added.size;
    },
    subject: (count) => {
      using added = makeTable(pool);
      for (let id = 0; id < count; id += 1) added.addOrThrow(subscriberRecord(id));
      sent += added.size;
    },
  });
  const { usedBytes } = table;
  table.free();
  return [
    {
      work: 'bytes of a subscriber in a RecordTable, with its id',
      baseline: 'an object in a Map',
      ratio: (tableBytes + ids.byteLength) / objectBytes,
      target: { max: 0.15 },
      note: `${per(tableBytes + ids.byteLength, RECORDS)} bytes against ${per(objectBytes, RECORDS)}; charged to the pool: ${per(usedBytes, RECORDS)}`,
    },
    {
      work: 'one field read by id, in no order',
      baseline: 'from an object in a Map of string keys',
      ratio: read.ratio,
      target: { max: 1 },
      note: `${read.subjectNs.toFixed(0)} ns against ${read.baselineNs.toFixed(0)}`,
    },
    {
      work: 'a record added, two texts among its fields',
      baseline: 'an object made and put into a Map',
      ratio: write.ratio,
      target: { max: 2 },
      note: `${write.subjectNs.toFixed(0)} ns against ${write.baselineNs.toFixed(0)}`,
    },
  ];
}

/** What nobody may optimise away. */
let sent = 0;

interface Message {
  id: number;
  kind: string;
  body: string;
}

/** About 1 KiB of JSON. */
function message(id: number): Message {
  return { id, kind: 'price-changed', body: 'x'.repeat(980) };
}

interface Row {
  id: number;
  name: string;
  email: string;
  balance: number;
}

/** A cursor that fetches 100 rows at a time. */
async function* scan(): AsyncGenerator<Row> {
  for (let id = 0; id < ROWS; id += 1) {
    // oxlint-disable-next-line no-await-in-loop -- as a cursor does
    if (id % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
    yield { id, name: `customer number ${id}`, email: `customer-${id}@example.org`, balance: id / 7 };
  }
}

function rowBytes({ name, email }: Row): number {
  return 100 + name.length + email.length;
}

/** A subscriber as programs keep it: what came with its request, dates, counts, and what it wants. */
interface SubscriberObject {
  userId: number;
  topic: string;
  since: Date;
  seen: Date;
  sent: number;
  dropped: number;
  flags: { muted: boolean; mobile: boolean };
  filter: { priority: number; region: string };
}

function subscriberObject(id: number): SubscriberObject {
  return {
    userId: id,
    topic: `orders/${id % TOPICS}`,
    since: new Date(1.7e12 + id),
    seen: new Date(1.7e12 + id),
    sent: id,
    dropped: 0,
    flags: { muted: false, mobile: id % 2 === 0 },
    filter: { priority: id % 5, region: `region-${id % 10}` },
  };
}

const COLUMNS = {
  userId: 'u32',
  topic: 'text',
  since: 'f64',
  seen: 'f64',
  sent: 'u32',
  dropped: 'u32',
  muted: 'bool',
  mobile: 'bool',
  priority: 'u8',
  region: 'text',
} as const;

function makeTable(pool: MemoryPool): RecordTable<typeof COLUMNS> {
  return new RecordTable({ pool, columns: COLUMNS, rowsMax: RECORDS, tag: 'subscribers' });
}

function subscriberRecord(id: number): Parameters<ReturnType<typeof makeTable>['add']>[0] {
  return {
    userId: id,
    topic: `orders/${id % TOPICS}`,
    since: 1.7e12 + id,
    seen: 1.7e12 + id,
    sent: id,
    dropped: 0,
    muted: false,
    mobile: id % 2 === 0,
    priority: id % 5,
    region: `region-${id % 10}`,
  };
}

/** The heap, and what is outside it: `external` has the array buffers in it. Their memory is swept after the collection. */
async function liveBytes(): Promise<number> {
  for (let round = 0; round < 4; round += 1) {
    globalThis.gc?.();
    // oxlint-disable-next-line no-await-in-loop -- each collection after what the one before left to finalizers
    await new Promise((resolve) => setImmediate(resolve));
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** What is there more for as long as what `make` returned is. */
async function growth<Made>(make: () => Made, end?: (made: Made) => void): Promise<number> {
  const before = await liveBytes();
  const made = make();
  const bytes = (await liveBytes()) - before;
  end?.(made);
  return bytes;
}

async function peakBytes(work: (look: () => Promise<void>) => Promise<void>): Promise<number> {
  const before = await liveBytes();
  let most = 0;
  await work(async () => {
    most = Math.max(most, (await liveBytes()) - before);
  });
  return most;
}

/** Of the processor: the wait for the next turn of the event loop is no work. */
async function timeMs(work: () => Promise<void>): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

function per(bytes: number, count: number): string {
  return (bytes / count).toFixed(0);
}

function mib(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(2);
}
