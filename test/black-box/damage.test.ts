import { readFileSync, writeFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { checksum } from '../../src/black-box/checksum.ts';
import { encodeBlock } from '../../src/black-box/block.ts';
import { DETAILS, ENDINGS, FILE_BYTES, HEAD, MINUTES, SECONDS, SLOT_BYTES } from '../../src/black-box/layout.ts';
import { MemtoolError } from '../../src/errors.ts';
import { describeBox } from '../../src/inspect/last/describe.ts';
import { Evidence } from '../../src/inspect/last/evidence.ts';
import { readCopiedBox } from '../../src/inspect/last/find.ts';
import { renderLast } from '../../src/render/last.ts';
import { AT_80 } from '../render/sample.ts';
import { freshPath, STARTED_MS, writeBox } from './sample-box.ts';

const evidence = new Evidence(false);

/** @returns `undefined` when it was refused with a code; anything else that is thrown fails the test */
function readAll(bytes: Buffer, path: string) {
  writeFileSync(path, bytes);
  try {
    const found = describeBox(readCopiedBox(path), evidence, STARTED_MS + 600_000);
    expect(renderLast({ schemaVersion: 1, command: 'last', processes: [found] }, AT_80)).not.toBe('');
    expect(JSON.parse(JSON.stringify(found))).toMatchObject({ file: path });
    return found;
  } catch (error) {
    if (error instanceof MemtoolError && error.code === 'MEMTOOL_BAD_BLACK_BOX') return undefined;
    throw error;
  }
}

const SAMPLES = 121;

test('cut off anywhere it gives what is left, or a coded error', () => {
  const whole = readFileSync(writeBox());
  const path = freshPath();
  fc.assert(
    fc.property(fc.integer({ min: 0, max: SECONDS.at + 130 * SLOT_BYTES }), (length) => {
      const found = readAll(whole.subarray(0, length), path);
      const samples = Math.min(SAMPLES, Math.max(0, Math.floor((length - SECONDS.at) / SLOT_BYTES)));
      expect(found?.history.seconds.length ?? 0).toBe(samples);
      expect(found === undefined).toBe(length < 24);
    }),
    { numRuns: 60 },
  );
});

test('no flipped bit is taken for a figure', () => {
  const whole = readFileSync(
    writeBox({ own: { atMs: STARTED_MS, code: 1, error: null, rssBytes: 1, heapUsedBytes: 1 } }),
  );
  const path = freshPath();
  const intact = JSON.stringify(readAll(whole, path)?.history.seconds.slice(0, SAMPLES));
  fc.assert(
    fc.property(
      fc.array(fc.tuple(position(), fc.integer({ min: 0, max: 7 })), { minLength: 1, maxLength: 30 }),
      (flips) => {
        const bytes = Buffer.from(whole);
        for (const [at, bit] of flips) bytes[at] = (bytes[at] ?? 0) ^ (1 << bit);
        const found = readAll(bytes, path);
        // Without a head the columns of pools are gone; the figures before them are still the same, or not there.
        for (const row of found?.history.seconds ?? []) {
          if (found?.name === 'orders-api') expect(intact).toContain(JSON.stringify(row));
        }
      },
    ),
    { numRuns: 80 },
  );
});

test('whatever JSON a whole block has, it is read', () => {
  const whole = readFileSync(writeBox());
  const path = freshPath();
  const places = [...HEAD, ...DETAILS, ENDINGS.own, ENDINGS.starter];
  const names = ['name', 'pools', 'events', 'scopes', 'holders', 'sites', 'atMs', 'code', 'error', 'group', 'startedAtMs', 'sitesReadAtMs', 'signal', 'stack', 'limitBytes']; // prettier-ignore
  const value = fc.oneof(
    fc.jsonValue(),
    fc.dictionary(fc.constantFrom(...names), fc.oneof(fc.jsonValue(), fc.array(fc.dictionary(fc.constantFrom(...names), fc.jsonValue())))),
  ); // prettier-ignore
  fc.assert(
    fc.property(fc.constantFrom(...places), value, (place, json) => {
      const bytes = Buffer.from(whole);
      encodeBlock(9, typeof json === 'object' && json !== null ? json : { json }, place.bytes)?.copy(bytes, place.at);
      readAll(bytes, path);
    }),
    { numRuns: 150 },
  );
});

test('whatever figures a whole slot has, they are read', () => {
  const whole = readFileSync(writeBox());
  const path = freshPath();
  fc.assert(
    fc.property(
      fc.array(fc.double(), { minLength: 1, maxLength: 46 }),
      fc.integer({ min: 0, max: 130 }),
      (doubles, index) => {
        const bytes = Buffer.from(whole);
        const slot = bytes.subarray(SECONDS.at + index * SLOT_BYTES, SECONDS.at + (index + 1) * SLOT_BYTES);
        slot.writeUInt32LE(index, 4);
        doubles.forEach((double, at) => slot.writeDoubleLE(double, 16 + at * 8));
        slot.writeUInt32LE(checksum(slot.subarray(4)), 0);
        readAll(bytes, path);
      },
    ),
    { numRuns: 100 },
  );
});

/** Where there is something, more often than not. */
function position(): fc.Arbitrary<number> {
  return fc.oneof(
    fc.integer({ min: 0, max: FILE_BYTES - 1 }),
    fc.integer({ min: SECONDS.at, max: SECONDS.at + SAMPLES * SLOT_BYTES - 1 }),
    fc.integer({ min: MINUTES.at, max: MINUTES.at + 3 * SLOT_BYTES - 1 }),
    fc.integer({ min: HEAD[0].at, max: HEAD[0].at + 600 }),
    fc.integer({ min: DETAILS[1].at, max: DETAILS[1].at + 900 }),
    fc.integer({ min: ENDINGS.own.at, max: ENDINGS.own.at + 100 }),
    fc.integer({ min: 0, max: 23 }),
  );
}
