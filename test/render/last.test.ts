import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { readContents } from '../../src/black-box/contents.ts';
import { describeBox, listBox } from '../../src/inspect/last/describe.ts';
import { Evidence } from '../../src/inspect/last/evidence.ts';
import type { LastReport } from '../../src/report/last.ts';
import { renderLast } from '../../src/render/last.ts';
import { STARTED_MS, writeBox, type SampleBox } from '../black-box/sample-box.ts';
import { AT_80, FAILURE } from './sample.ts';

const NOW_MS = STARTED_MS + 600_000;
const evidence = new Evidence(false);

function boxOf(sample: SampleBox) {
  const path = writeBox(sample);
  const contents = readContents(readFileSync(path), path);
  return { path, pid: 4242, startTime: '118034', writtenAtMs: STARTED_MS, isAlive: false, contents };
}

function drawn(processes: LastReport['processes']): string {
  return `\n${renderLast({ schemaVersion: 1, command: 'last', processes }, AT_80)}\n`;
}

test('one that ended by an error', () => {
  const error = { text: 'TypeError: no lines', stack: ['f (/app/a.js:1:2)'], atMs: STARTED_MS + 121_000 };
  const own = { atMs: STARTED_MS + 121_000, code: 1, error, rssBytes: 1, heapUsedBytes: 1 };
  const found = describeBox(boxOf({ own }), evidence, NOW_MS);
  expect(drawn([found])).toMatchInlineSnapshot(`
    "
    orders-api  pid 4242  Node 20.20.0  ran for 2m

      Ended by an error that nobody caught
      At 2026-01-02 03:06:06 UTC, 7m 59s ago.
      It ended with the exit code 1 after an error that nobody caught.
        TypeError: no lines
          at f (/app/a.js:1:2)

      LAST MINUTE                                  AT THE END     CHANGE
      RSS          ▆▆▆▆▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇█████████   120.0 MiB  +30.0 MiB
      heap         ▅▅▅▆▆▆▆▆▆▆▆▆▆▆▇▇▇▇▇▇▇▇▇▇▇█████    38.0 MiB  +15.0 MiB
      pool cache   ██████████████████████████████    12.0 MiB        0 B

      LIMITS AT THE END  USAGE                             USED      LIMIT
      heap               ███████████████████░  95.0 %  38.0 MiB   40.0 MiB
      pool cache         ██░░░░░░░░░░░░░░░░░░  12.0 %  12.0 MiB  100.0 MiB

      HELD IN POOLS  BY           COUNT     BYTES
      cache          order-pages     12  12.0 MiB
      as it was 30s before the end

      Largest places on the heap, read 1m before the end:
          20.0 MiB  leak       keep (/app/server.js:12:8)

      OPEN SCOPES  USER     USED  LIMIT  AGE
      query q-17   ana   1.0 MiB      -  12s

      Pressure:
          40s before  heap warning at 82.5 % of 40.0 MiB

      What grew most in the last 2m: the V8 heap, +30.0 MiB.
    "
  `);
});

test('one that was probably out of heap, at 60 columns', () => {
  const { unavailable: _, ...found } = describeBox(boxOf({}), evidence, NOW_MS);
  const report: LastReport = { schemaVersion: 1, command: 'last', processes: [found] };
  const text = renderLast(report, { ...AT_80, width: 60 });
  for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(60);
  expect(text).toContain('Probably out of heap');
  expect(text).toContain('Look first at keep (/app/server.js:12:8)');
});

test('a list, with one that cannot be read', () => {
  const own = { atMs: STARTED_MS + 121_000, code: 3, error: null, rssBytes: 1, heapUsedBytes: 1 };
  const listings = [{}, { own }].map((sample) => listBox(boxOf(sample), evidence, NOW_MS));
  expect(drawn([...listings, FAILURE])).toMatchInlineSnapshot(`
    "
       PID  NAME             ENDED  HOW                         RSS      HEAP  UP
      4242  orders-api      8m ago  heap limit, probably  120.0 MiB  38.0 MiB  2m
      4242  orders-api  7m 59s ago  exit code 3           120.0 MiB  38.0 MiB  2m

      All of one, and what to do: \`memtool last 4242\`

    worker.js  pid 99  failed
      Process 99 (worker.js) did not answer within 5 s.
      Wait longer with --timeout 30.
    "
  `);
});

test('names from another program cannot steer the terminal', () => {
  const own = { atMs: STARTED_MS, code: 1, error: { text: '\u001b[2J', stack: ['\u001b[1m'], atMs: STARTED_MS }, rssBytes: 1, heapUsedBytes: 1 }; // prettier-ignore
  const evil = '\u001b[31m';
  const head = { name: evil, pools: [{ manager: evil, name: evil, limitBytes: 1 }] };
  const details = {
    events: [{ atMs: STARTED_MS, name: evil, level: 'warning' as const, usedBytes: 1, limitBytes: 1 }],
    scopes: [
      { manager: evil, kind: 'query' as const, name: evil, user: evil, usedBytes: 1, limitBytes: 1, ageSeconds: 1 },
    ],
    holders: [{ manager: evil, pool: evil, tag: evil, stack: [evil], count: 1, bytes: 1 }],
    sites: [{ source: 'heap' as const, stack: [evil], bytes: 1, verdict: 'leak' as const }],
  };
  const box = boxOf({ head, details, own });
  expect(drawn([describeBox(box, evidence, NOW_MS)])).not.toContain('\u001b');
  expect(drawn([listBox(box, evidence, NOW_MS)])).not.toContain('\u001b');
});

test('nothing', () => {
  expect(drawn([])).toContain('No process has left its black box here');
});
