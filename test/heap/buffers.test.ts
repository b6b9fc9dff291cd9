import { Buffer } from 'node:buffer';
import { randomInt } from 'node:crypto';
import { afterEach, expect, test } from 'vitest';
import { BufferWatch, type BufferReading } from '../../src/heap/buffers.ts';
import { collectUntil } from '../memory/collect.ts';

/** Each buffer of this size is sampled, but for one in e^64. */
const LARGE = 64 * 1024;
const MEAN = 1024;

const methods = ['alloc', 'allocUnsafe', 'allocUnsafeSlow', 'from'] as const;
const watches: BufferWatch[] = [];

function watching(meanBytes: number): BufferWatch {
  const watch = new BufferWatch(meanBytes);
  watches.push(watch);
  expect(watch.install()).toEqual({ installed: true });
  return watch;
}

function makeLarge(): Buffer {
  return Buffer.alloc(LARGE);
}

function makeThousands(): Buffer[] {
  return Array.from({ length: 20_000 }, () => Buffer.allocUnsafeSlow(1000));
}

function makeSmall(): Buffer[] {
  return Array.from({ length: 40_000 }, (_, index) => Buffer.from('x'.repeat(index % 200)));
}

function makeTransient(): number {
  return Buffer.from('t'.repeat(96)).length;
}

afterEach(() => {
  for (const watch of watches.splice(0)) watch.uninstall();
});

/** What was made here, and not by the test runner, which uses buffers as well. */
function byName({ samples }: BufferReading, name: string): BufferReading['samples'] {
  return samples.filter(({ stack }) => stack.some((frame) => frame.startsWith(`${name} (`)));
}

function sumOf(samples: BufferReading['samples']): number {
  return samples.reduce((sum, { bytes }) => sum + bytes, 0);
}

function describeMethods(): unknown {
  return methods.map((name) => {
    const { value, ...flags } = Object.getOwnPropertyDescriptor(Buffer, name) ?? {};
    return { name, flags, properties: Object.getOwnPropertyDescriptors(value) };
  });
}

function methodsNow(): unknown[] {
  return methods.map((name) => Reflect.get(Buffer, name));
}

test('the estimate is as near to the truth as its standard error says, over more than 200 samples', () => {
  const watch = watching(64 * 1024);
  let heldBytes = 0;
  function makeMany(): Buffer[] {
    return Array.from({ length: 2000 }, () => {
      const made = Buffer.allocUnsafeSlow(randomInt(1, 40_000));
      heldBytes += made.length;
      return made;
    });
  }
  const held = makeMany();
  const reading = watch.read();
  const samples = byName(reading, 'makeMany');
  expect(samples.length).toBeGreaterThan(200);
  // Beyond six standard errors: once in 500 million.
  expect(Math.abs(sumOf(samples) - heldBytes)).toBeLessThan(6 * reading.errorBytes);
  expect(reading.errorBytes).toBeLessThan(heldBytes / 5);
  expect(held).toHaveLength(2000);
});

test('the readings of many small buffers in shared slabs add up to the slabs', () => {
  const watch = watching(16 * 1024);
  const held = makeSmall();
  const slabs = [...new Set(held.map(({ buffer }) => buffer))];
  const slabBytes = slabs.reduce((sum, { byteLength }) => sum + byteLength, 0);
  const reading = watch.read();
  // The end of each slab, 2 % at most here, is nobody's.
  const difference = Math.abs(sumOf(byName(reading, 'makeSmall')) - slabBytes);
  expect(difference).toBeLessThan(6 * reading.errorBytes + 0.03 * slabBytes);
});

test('what is collected disappears; what a subarray or another view keeps does not', async () => {
  const watch = watching(MEAN);
  const makeForgotten = (): number => Buffer.alloc(LARGE).length;
  const makeKept = (): Uint8Array[] => [Buffer.alloc(LARGE).subarray(7, 8), new Uint8Array(Buffer.alloc(LARGE).buffer)];
  makeForgotten();
  const kept = makeKept();
  expect(byName(watch.read(), 'makeForgotten')).toHaveLength(1);
  await collectUntil(() => byName(watch.read(), 'makeForgotten').length === 0);
  expect(byName(watch.read(), 'makeKept')).toHaveLength(2);
  expect(sumOf(byName(watch.read(), 'makeKept'))).toBeCloseTo(2 * LARGE);
  kept.length = 0;
  await collectUntil(() => byName(watch.read(), 'makeKept').length === 0);
});

test('an object that has its buffer made, and holds it, is not kept alive by the stack', async () => {
  const watch = watching(MEAN);
  class Holder {
    bytes = Buffer.alloc(LARGE);
  }
  const makeHolder = (): boolean => new Holder().bytes.length > 0;
  makeHolder();
  expect(byName(watch.read(), 'makeHolder')).toHaveLength(1);
  await collectUntil(() => byName(watch.read(), 'makeHolder').length === 0);
});

test('slabs are put down to those who keep small buffers, not to those whose small buffers were in them', async () => {
  const watch = watching(2048);
  const kept: Buffer[] = [];
  const makeKept = (): number => kept.push(Buffer.from('k'.repeat(96)));
  for (let index = 0; index < 2000; index += 1) {
    makeKept();
    for (let more = 0; more < 5; more += 1) makeTransient();
  }
  const before = sumOf(watch.read().samples);
  await collectUntil(() => byName(watch.read(), 'makeTransient').length === 0);
  expect(sumOf(byName(watch.read(), 'makeKept'))).toBeGreaterThan(before / 2);
  expect(kept).toHaveLength(2000);
});

test('a reading can be cloned and written as JSON, with births and stacks that name the function', () => {
  const startMs = performance.timeOrigin + performance.now();
  const watch = watching(MEAN);
  function makeNamed(): Buffer {
    return Buffer.concat([Buffer.allocUnsafe(LARGE)]);
  }
  const held = makeNamed();
  const reading = watch.read();
  expect(structuredClone(reading)).toEqual(reading);
  expect(JSON.parse(JSON.stringify(reading))).toEqual(reading);
  const samples = byName(reading, 'makeNamed');
  expect(samples).toHaveLength(2);
  expect(samples[0]?.stack[0]).toMatch(/^makeNamed \(.*buffers\.test\.ts:\d+:\d+\)$/);
  // Made by Node for us.
  expect(samples[1]?.stack[0]).toMatch(/concat \(node:buffer/);
  expect(samples[1]?.bornMs).toBeGreaterThanOrEqual(startMs);
  expect(reading.since).toBeGreaterThanOrEqual(startMs);
  expect(held).toHaveLength(LARGE);
});

test('views of memory that is there already are not counted; copies of all kinds are', () => {
  const watch = watching(1);
  const memory = new ArrayBuffer(LARGE);
  const viewed = { valueOf: () => memory };
  const makeViews = (): Buffer[] => [
    Buffer.from(memory),
    Buffer.from(memory, 8, 1000),
    Buffer.from(new SharedArrayBuffer(LARGE)),
    Buffer.from(viewed),
  ];
  const makeCopies = (): Buffer[] => [
    Buffer.from('x'.repeat(LARGE)),
    Buffer.from(new Uint8Array(LARGE)),
    Buffer.from(Array.from({ length: LARGE }, () => 1)),
    Buffer.from(Object({ type: 'Buffer', data: Array.from({ length: LARGE }, () => 1) })),
    Buffer.from(Object('x'.repeat(LARGE))),
  ];
  const held = [makeViews(), makeCopies()];
  const reading = watch.read();
  expect(sumOf(byName(reading, 'makeViews'))).toBe(0);
  expect(sumOf(byName(reading, 'makeCopies'))).toBeCloseTo(5 * LARGE);
  expect(held.map((each) => each.length)).toEqual([4, 5]);
});

test('more live samples than there is room for: some go, the others count for them', () => {
  const watch = watching(1);
  const held = makeThousands();
  const reading = watch.read();
  expect(reading.samples.length).toBeLessThanOrEqual(4096);
  expect(reading.meanBytes).toBeGreaterThan(1);
  const difference = Math.abs(sumOf(byName(reading, 'makeThousands')) - 20_000_000);
  expect(difference).toBeLessThan(6 * reading.errorBytes);
  expect(held).toHaveLength(20_000);
});

test('the methods look the same while watched, and are the same afterwards', () => {
  const originals = methodsNow();
  const before = describeMethods();
  const watch = watching(MEAN);
  for (const [index, method] of methodsNow().entries()) expect(method).not.toBe(originals[index]);
  expect(describeMethods()).toEqual(before);
  const { value: from } = Object.getOwnPropertyDescriptor(Buffer, 'from') ?? {};
  expect(Reflect.construct(from, ['abc'])).toEqual(Buffer.from('abc'));
  expect(Reflect.apply(from, undefined, ['abc'])).toEqual(Buffer.from('abc'));
  class Derived extends Buffer {}
  expect(Derived.from('abc')).toEqual(Buffer.from('abc'));
  watch.uninstall();
  for (const [index, method] of methodsNow().entries()) expect(method).toBe(originals[index]);
  expect(watch.read()).toMatchObject({ since: null, samples: [] });
});

test('a method that was wrapped over ours stays, and ours does nothing any more', () => {
  const original = Object.getOwnPropertyDescriptor(Buffer, 'alloc') ?? {};
  const watch = watching(MEAN);
  const { value: ours } = Object.getOwnPropertyDescriptor(Buffer, 'alloc') ?? {};
  const theirs = (...args: unknown[]): unknown => Reflect.apply(ours, undefined, args);
  try {
    Reflect.set(Buffer, 'alloc', theirs);
    watch.uninstall();
    expect(methodsNow()[0]).toBe(theirs);
    expect(Buffer.alloc(LARGE)).toHaveLength(LARGE);
    expect(watch.read().samples).toEqual([]);
    // Again, over theirs.
    expect(watch.install()).toEqual({ installed: true });
    const held = makeLarge();
    expect(byName(watch.read(), 'makeLarge')).toHaveLength(1);
    watch.uninstall();
    expect(methodsNow()[0]).toBe(theirs);
    expect(held).toHaveLength(LARGE);
  } finally {
    Object.defineProperty(Buffer, 'alloc', original);
  }
});

test('where a method cannot be replaced nothing is, and the reason is told', () => {
  const from = Object.getOwnPropertyDescriptor(Buffer, 'from') ?? {};
  const [alloc] = methodsNow();
  try {
    Object.defineProperty(Buffer, 'from', { get: () => from.value, configurable: true });
    expect(new BufferWatch().install()).toEqual({ installed: false, reason: 'Buffer.from is no function' });
    expect(methodsNow()[0]).toBe(alloc);
  } finally {
    Object.defineProperty(Buffer, 'from', from);
  }
});

test("the application's own Error.prepareStackTrace and stackTraceLimit neither see a sample nor change it", () => {
  const watch = watching(MEAN);
  const before = Object.getOwnPropertyDescriptors(Error);
  let calls = 0;
  try {
    Error.stackTraceLimit = 0;
    Error.prepareStackTrace = () => (calls += 1);
    const changed = Object.getOwnPropertyDescriptors(Error);
    const held = makeLarge();
    expect(byName(watch.read(), 'makeLarge')[0]?.stack.length).toBeGreaterThan(2);
    expect(Object.getOwnPropertyDescriptors(Error)).toEqual(changed);
    expect([calls, held.length]).toEqual([0, LARGE]);
  } finally {
    Reflect.deleteProperty(Error, 'prepareStackTrace');
    Object.defineProperties(Error, before);
  }
});
