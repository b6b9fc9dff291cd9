import { BufferWatch } from '../../src/heap/buffers.ts';
import { contest, type BenchRow } from './ratio.ts';

/** So many are alive at a time. */
const LIVE = 256;
const TEXT = 'a line of text, as it goes into a socket';
const ORDERS = JSON.stringify(Array.from({ length: 40 }, (_, id) => ({ id, name: `order ${id}`, total: id * 1.5 })));
const BODY = Buffer.from(ORDERS);

function keeping(make: () => Buffer): (count: number) => void {
  const live: Buffer[] = [];
  return (count) => {
    for (let index = 0; index < count; index += 1) live[index % LIVE] = make();
  };
}

/** What a server does with a request: its body in two pieces, parsed, changed, and sent with a head. */
function answer(): Buffer {
  const body = Buffer.concat([Buffer.from(BODY.subarray(0, 1000)), Buffer.from(BODY.subarray(1000))]);
  const orders: { id: number; total: number }[] = JSON.parse(body.toString());
  for (const order of orders) order.total += order.id;
  const content = Buffer.from(JSON.stringify(orders));
  const head = Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${content.length}\r\nConnection: keep-alive\r\n\r\n`);
  return Buffer.concat([head, content]);
}

function methodsOf(): PropertyDescriptorMap {
  const { alloc, allocUnsafe, allocUnsafeSlow, from } = Object.getOwnPropertyDescriptors(Buffer);
  return { alloc, allocUnsafe, allocUnsafeSlow, from };
}

/** The makers of buffers with a watch on them, against the same without. */
export async function bench(): Promise<BenchRow[]> {
  const works = [
    { work: 'Buffer.alloc(1024)', make: () => Buffer.alloc(1024), count: 20_000, max: 1.1 },
    { work: 'Buffer.from(string)', make: () => Buffer.from(TEXT), count: 100_000, max: 1.2 },
    { work: 'Buffer.allocUnsafe(100)', make: () => Buffer.allocUnsafe(100), count: 100_000, max: 1.5 },
    { work: 'a request with a body of 2 KB', make: answer, count: 2000, max: 1.02 },
  ];
  // The same functions in all rounds: V8 compiles anew what calls others.
  const plain = methodsOf();
  new BufferWatch().install();
  const watched = methodsOf();
  const rows: BenchRow[] = [];
  for (const { work, make, count, max } of works) {
    const repeat = keeping(make);
    const repeatWith =
      (methods: PropertyDescriptorMap) =>
      (times: number): void => {
        Object.defineProperties(Buffer, methods);
        repeat(times);
      };
    const baseline = repeatWith(plain);
    // oxlint-disable-next-line no-await-in-loop
    const result = await contest({ baseline, subject: repeatWith(watched), count, rounds: 41 });
    const note = `${result.subjectNs.toFixed(0)} ns against ${result.baselineNs.toFixed(0)} ns`;
    rows.push({ work: `${work}, watched`, baseline: 'not watched', ratio: result.ratio, target: { max }, note });
  }
  return rows;
}
