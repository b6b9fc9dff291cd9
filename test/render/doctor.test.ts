import { expect, test } from 'vitest';
import { diagnose } from '../../src/doctor/diagnose.ts';
import type { DoctorReport } from '../../src/report/doctor.ts';
import { renderDoctor } from '../../src/render/doctor.ts';
import { leak, MIB, recorded, resource, withLeaks, withResources, withStats } from '../doctor/recorded.ts';
import { AT_80, FAILURE } from './sample.ts';

function drawn(...processes: DoctorReport['processes']): string {
  return `\n${renderDoctor({ schemaVersion: 1, command: 'doctor', processes }, AT_80)}\n`;
}

const well = withStats(withLeaks(recorded(), []), { rssBytes: 200 * MIB, uptimeSeconds: 3600, pid: 4242, name: 'api' });
const ill = withResources(withLeaks(well, [leak({})]), [resource({ bytesPerMinute: 2 * MIB, secondsToLimit: 300 })]);

test('findings, the worst first', () => {
  expect(drawn(diagnose(ill))).toMatchInlineSnapshot(`
    "
    api  pid 4242  Node 20.20.2  up 1h  1 critical, 1 warning

     1 critical  The pool cache is at 90.0 % of its limit (90.0 MiB of 100.0 MiB);
                 as it grew in the last minute, it is full in 5m.
                 Certain. At its limit what is asked for is refused.
                 > \`memtool leaks 4242 --age 0\` says who holds it, by tag and age
                 > \`memtool cleanup 4242 --pool cache\` gives back what nobody needs
                   any more

     2 warning   15.0 MiB in the pool query are lost: 60 records with the tag rows
                 were never freed, and nothing in the program refers to them any
                 more.
                 Certain. The oldest is 1m 10s old.
                 > \`memtool cleanup 4242 --pool query\` gives the 15.0 MiB back
                 > In the program, look for where rows is allocated: \`using\`, or
                   free() in a finally, mends it.
    "
  `);
});

test('nothing found', () => {
  expect(drawn(diagnose(well))).toMatchInlineSnapshot(`
    "
    api  pid 4242  Node 20.20.2  up 1h  nothing found

      Nothing to worry about was found. Looked at: the limit of the V8 heap; what
      lives on the heap (watched for 3m 28s); where RSS goes; its last 3m 24s;
      garbage collection and the main thread, for 2s; swap and the machine's memory.
    "
  `);
});

test('too small to be judged', () => {
  expect(drawn(diagnose(withStats(well, { rssBytes: 60 * MIB })))).toMatchInlineSnapshot(`
    "
    api  pid 4242  Node 20.20.2  up 1h  nothing found

      It takes 60.0 MiB in all. Below 100.0 MiB only limits and leaks are judged:
      Node.js itself takes most of that.

      No limit is near, and nothing leaks for certain. Looked at: the limit of the
      V8 heap; what lives on the heap (watched for 3m 28s); where RSS goes; its last
      3m 24s; garbage collection and the main thread, for 2s; swap and the machine's
      memory.
    "
  `);
});

test('several: what could not be asked among them, those that are well in one line each', () => {
  expect(drawn(diagnose(ill), FAILURE, diagnose(well), diagnose(withStats(well, { rssBytes: 60 * MIB }))))
    .toMatchInlineSnapshot(`
    "
    api  pid 4242  Node 20.20.2  up 1h  1 critical, 1 warning

     1 critical  The pool cache is at 90.0 % of its limit (90.0 MiB of 100.0 MiB);
                 as it grew in the last minute, it is full in 5m.
                 Certain. At its limit what is asked for is refused.
                 > \`memtool leaks 4242 --age 0\` says who holds it, by tag and age
                 > \`memtool cleanup 4242 --pool cache\` gives back what nobody needs
                   any more

     2 warning   15.0 MiB in the pool query are lost: 60 records with the tag rows
                 were never freed, and nothing in the program refers to them any
                 more.
                 Certain. The oldest is 1m 10s old.
                 > \`memtool cleanup 4242 --pool query\` gives the 15.0 MiB back
                 > In the program, look for where rows is allocated: \`using\`, or
                   free() in a finally, mends it.

    worker.js  pid 99  failed
      Process 99 (worker.js) did not answer within 5 s.
      Wait longer with --timeout 30.

    api  pid 4242  Node 20.20.2  up 1h  nothing to worry about
    api  pid 4242  Node 20.20.2  up 1h  no limit near, no leak certain

    All of one: \`memtool doctor <pid>\`
    "
  `);
});

test('names of other programs steer no terminal', () => {
  const named = withLeaks(well, [leak({ tag: '\u001b[2Jrows' })]);
  expect(drawn(diagnose(named))).not.toContain('\u001b');
});
