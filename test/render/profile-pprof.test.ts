import { gunzipSync } from 'node:zlib';
import * as fc from 'fast-check';
import { Profile } from 'pprof-format';
import { describe, expect, test } from 'vitest';
import { encodePprof } from '../../src/render/profile/pprof.ts';
import { KIB, node, ordersProfile, processProfile } from './profile-sample.ts';

/** A field of a message as it is on the wire: its number in profile.proto, and a varint or the bytes of what is in it. */
interface Field {
  number: number;
  value: bigint | Buffer;
}

/** Protocol Buffers' wire format, read by hand: the library that wrote it may be wrong both ways. */
function fieldsOf(message: Buffer): Field[] {
  const fields: Field[] = [];
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = message[at];
      if (byte === undefined) throw new Error('it ends within a number');
      at += 1;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < message.length) {
    const key = Number(varint());
    const number = key >> 3;
    if ((key & 7) === 0) {
      fields.push({ number, value: varint() });
      continue;
    }
    if ((key & 7) !== 2)
      throw new Error(`field ${number} has the wire type ${key & 7}, which profile.proto does not use`);
    const length = Number(varint());
    if (at + length > message.length) throw new Error(`field ${number} is longer than what there is`);
    fields.push({ number, value: message.subarray(at, at + length) });
    at += length;
  }
  return fields;
}

/** Numbers as they are, in a list of their own (packed) or one by one. */
function numbers(fields: Field[], wanted: number): number[] {
  return fields
    .filter(({ number }) => number === wanted)
    .flatMap(({ value }) => (typeof value === 'bigint' ? [Number(value)] : packed(value)));
}

function packed(bytes: Buffer): number[] {
  const found: number[] = [];
  let value = 0n;
  let shift = 0n;
  for (const byte of bytes) {
    value |= BigInt(byte & 0x7f) << shift;
    shift += 7n;
    if (byte >= 0x80) continue;
    found.push(Number(value));
    value = 0n;
    shift = 0n;
  }
  return found;
}

function messages(fields: Field[], wanted: number): Field[][] {
  return fields
    .filter(({ number }) => number === wanted)
    .map(({ value }) => (typeof value === 'bigint' ? [] : fieldsOf(value)));
}

/** By the numbers of github.com/google/pprof/blob/main/proto/profile.proto. */
function read(gzipped: Uint8Array): {
  sampleTypes: string[][];
  stacks: { stack: string[]; values: number[] }[];
  functions: { name: string; file: string; startLine: number }[];
  timeNanos: number;
  durationNanos: number;
  periodType: string[];
  period: number;
  defaultSampleType: string;
  comments: string[];
  strings: string[];
} {
  const profile = fieldsOf(gunzipSync(gzipped));
  const strings = profile.filter(({ number }) => number === 6).map(({ value }) => value.toString());
  const text = (index: number | undefined): string => strings[index ?? 0] ?? 'no such string';
  const valueType = (fields: Field[]): string[] => [text(numbers(fields, 1)[0]), text(numbers(fields, 2)[0])];
  const functions = new Map(
    messages(profile, 5).map((fields) => [
      numbers(fields, 1)[0],
      { name: text(numbers(fields, 2)[0]), file: text(numbers(fields, 4)[0]), startLine: numbers(fields, 5)[0] ?? 0 },
    ]),
  );
  const locations = new Map(
    messages(profile, 4).map((fields) => {
      const [line = []] = messages(fields, 4);
      const called = functions.get(numbers(line, 1)[0]);
      return [numbers(fields, 1)[0], `${called?.name ?? 'no such function'}:${numbers(line, 2)[0] ?? 0}`];
    }),
  );
  return {
    sampleTypes: messages(profile, 1).map(valueType),
    stacks: messages(profile, 2).map((fields) => ({
      stack: numbers(fields, 1).map((id) => locations.get(id) ?? 'no such location'),
      values: numbers(fields, 2),
    })),
    functions: [...functions.values()],
    timeNanos: numbers(profile, 9)[0] ?? 0,
    durationNanos: numbers(profile, 10)[0] ?? 0,
    periodType: messages(profile, 11).flatMap(valueType),
    period: numbers(profile, 12)[0] ?? 0,
    comments: numbers(profile, 13).map(text),
    defaultSampleType: text(numbers(profile, 14)[0]),
    strings,
  };
}

describe('a pprof profile', () => {
  test('has stacks innermost first, functions, types and times under the field numbers of profile.proto', async () => {
    const found = read(await encodePprof(ordersProfile()));
    expect(found).toEqual({
      sampleTypes: [
        ['inuse_samples', 'count'],
        ['inuse_space', 'bytes'],
      ],
      defaultSampleType: 'inuse_space',
      periodType: ['space', 'bytes'],
      period: 512 * KIB,
      timeNanos: 1_767_323_045_000_000_000,
      durationNanos: 312_000_000_000,
      comments: ['memtool profile of orders-api, pid 4242, Node v20.20.2'],
      stacks: [
        { stack: ['load:10'], values: [1, 64 * KIB] },
        { stack: ['parse:1', 'load:10'], values: [1, 256 * KIB] },
        { stack: ['(anonymous) rows.js:5:12:5', 'load:10'], values: [1, 128 * KIB] },
        { stack: ['readFileSync:501'], values: [1, 32 * KIB] },
      ],
      functions: [
        { name: '(root)', file: '', startLine: 0 },
        { name: 'load', file: '/srv/orders/cache file.js', startLine: 10 },
        { name: 'parse', file: '/srv/orders/node_modules/@scope/csv/index.js', startLine: 1 },
        { name: '(anonymous) rows.js:5:12', file: '/srv/orders/rows.js', startLine: 5 },
        { name: 'readFileSync', file: 'node:fs', startLine: 501 },
      ],
      strings: expect.arrayContaining(['']),
    });
    expect(found.strings[0]).toBe('');
  });

  test('is read by the library that wrote it', async () => {
    const profile = Profile.decode(gunzipSync(await encodePprof(ordersProfile())));
    expect(profile.sample.map(({ value }) => value.map(Number))).toEqual([
      [1, 64 * KIB],
      [1, 256 * KIB],
      [1, 128 * KIB],
      [1, 32 * KIB],
    ]);
    expect(profile.timeNanos).toBe(1_767_323_045_000_000_000n);
  });

  test('of nothing has no samples; of a foreign sampler no period', async () => {
    const found = read(await encodePprof(processProfile(node({ name: '(root)' }, 0), { sampleBytes: null })));
    expect(found).toMatchObject({ stacks: [], period: 0 });
  });

  test('counts what a function calls again as another stack, with one location', async () => {
    const place = { name: 'walk', url: '/srv/tree.js', line: 1, column: 1 };
    const recursive = node(place, 1, node(place, 2, node(place, 3)));
    const { stacks, functions } = read(await encodePprof(processProfile(node({ name: '(root)' }, 0, recursive))));
    expect(stacks.map(({ stack, values }) => [stack.length, values[1]])).toEqual([
      [1, 1],
      [2, 2],
      [3, 3],
    ]);
    expect(functions.filter(({ name }) => name === 'walk')).toHaveLength(1);
  });

  test('carries figures beyond 32 and 53 bits whole', async () => {
    const big = node({ name: 'big' }, 3 * 2 ** 40);
    const { stacks } = read(await encodePprof(processProfile(node({ name: '(root)' }, 0, big))));
    expect(stacks[0]?.values[1]).toBe(3 * 2 ** 40);
  });

  test('of whatever functions are called says the same stacks and bytes', async () => {
    const anyFunction = fc.record({
      name: fc.string({ unit: 'binary' }),
      url: fc.string({ unit: 'binary' }),
      line: fc.integer({ min: -1, max: 2 ** 30 }),
      size: fc.nat(2 ** 40),
      caller: fc.nat(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(anyFunction), async (functions) => {
        const nodes = [node({ name: '(root)' }, 0)];
        for (const { name, url, line, size, caller } of functions) {
          const called = node({ name, url, line, column: line }, size);
          nodes[caller % nodes.length]?.children.push(called);
          nodes.push(called);
        }
        const found = processProfile(nodes[0] ?? node({}, 0));
        const { stacks } = read(await encodePprof(found));
        expect(stacks.map(({ values }) => values[1])).toEqual(found.profile.samples.map(({ size }) => size));
        expect(stacks.flatMap(({ stack }) => stack).some((frame) => frame.startsWith('no such'))).toBe(false);
      }),
      { numRuns: 200 },
    );
  });
});
