import { expect, test } from 'vitest';
import { renderRecording } from '../../src/render/recording.ts';
import type { ProcessRecording } from '../../src/report/recording.ts';
import { AT_80, IDENTITY } from './sample.ts';

const MIB = 1024 * 1024;

const RECORDING: ProcessRecording = {
  ...IDENTITY,
  file: 'run.jsonl',
  format: 'jsonl',
  bytes: 48 * 1024,
  intervalMs: 1000,
  seconds: 312,
  samples: 312,
  samplesWithoutAgent: 0,
  resumed: false,
  restarts: 0,
  gaps: 0,
  thinnings: 0,
  end: 'interrupted',
  series: [
    { column: 'rss', first: 80 * MIB, last: 90 * MIB, lowest: 80 * MIB, highest: 95 * MIB },
    { column: 'heapUsed', first: 20 * MIB, last: 12 * MIB, lowest: 10 * MIB, highest: 22 * MIB },
    { column: 'scopes.used', first: 0, last: 0, lowest: 0, highest: 0 },
    { column: 'cpuPercent', first: 1, last: 2, lowest: 1, highest: 3 },
    { column: 'gcCount', first: 10, last: 52, lowest: 10, highest: 52 },
    { column: 'gcPauseMs', first: 5, last: 65.5, lowest: 5, highest: 65.5 },
    { column: 'pool:orders-api/temp.used', first: 0, last: MIB, lowest: 0, highest: MIB },
    { column: 'pool:orders-api/cache.used', first: 85 * MIB, last: 85 * MIB, lowest: 85 * MIB, highest: 85 * MIB },
    { column: 'pool:orders-api/cache.live', first: 5, last: 5, lowest: 5, highest: 5 },
  ],
};

test('what was recorded, how it went, and what to type next', () => {
  expect(renderRecording(RECORDING, AT_80)).toMatchInlineSnapshot(`
    "Recorded orders-api (4242) for 5m 12s: 312 samples in run.jsonl, now 48.0 KiB.

      WHAT                   AT FIRST   AT LAST     CHANGE   HIGHEST
      RSS                    80.0 MiB  90.0 MiB  +10.0 MiB  95.0 MiB
      heap                   20.0 MiB  12.0 MiB   -8.0 MiB  22.0 MiB
      pool orders-api/cache  85.0 MiB  85.0 MiB          -  85.0 MiB
      pool orders-api/temp        0 B   1.0 MiB   +1.0 MiB   1.0 MiB

      42 garbage collections of the main thread, which took 61ms together.

    What grows in it: \`memtool report run.jsonl\`"
  `);
});

test('all that a reader of the file should know', () => {
  const told: ProcessRecording = {
    ...RECORDING,
    file: 'my run.csv',
    format: 'csv',
    resumed: true,
    restarts: 2,
    gaps: 1,
    thinnings: 3,
    samplesWithoutAgent: 7,
    columnsLeftOut: true,
    end: 'gone',
    exitCode: 7,
    series: [],
    error: {
      code: 'MEMTOOL_CANNOT_WRITE',
      message: 'my run.csv cannot be written: the disk is full.',
      hint: 'Make room.',
    },
  };
  expect(renderRecording(told, AT_80)).toMatchInlineSnapshot(`
    "Recorded orders-api (4242) for 5m 12s: 312 samples in my run.csv, now 48.0 KiB.
      Not all of it: my run.csv cannot be written: the disk is full. Make room.
      The process has ended, and the recording with it: a name instead of a pid
      would have been waited for.
      The program ended with 7.
      It went on with what was in the file.
      The process was started again 2 times.
      Nothing could be recorded for a while, once: the file says when.
      To keep it below its bound, older samples were thinned out 3 times.
      There were more pools than there is room for: those that came last are
      missing.
      7 samples without an agent: only what the system knows.

    Open it in a spreadsheet, or in a notebook: pandas.read_csv reads it as it is."
  `);
});

test('nothing that comes from the process steers the terminal', () => {
  const hostile = {
    ...RECORDING,
    name: '\u001b[2J',
    series: [{ column: 'pool:\u001b[2J/x.used', first: 0, last: 1, lowest: 0, highest: 1 }],
  };
  expect(renderRecording(hostile, AT_80)).not.toContain('\u001b');
});
