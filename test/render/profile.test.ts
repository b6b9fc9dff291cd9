import { describe, expect, test } from 'vitest';
import type { HeapProfileNode, ProcessExport } from '../../src/report/profile.ts';
import { frameOf, placeOf } from '../../src/render/profile/frame.ts';
import { renderHeapprofile } from '../../src/render/profile/heapprofile.ts';
import { liveBytesOf, stacksOf, withoutMarks } from '../../src/render/profile/live-profile.ts';
import { renderProfile } from '../../src/render/profile/summary.ts';
import { PLAIN_THEME } from '../../src/render/style.ts';
import { KIB, node, ordersProfile, processProfile } from './profile-sample.ts';

function names(head: HeapProfileNode): string[] {
  return stacksOf(head).map(({ node: { callFrame }, parent }) => `${parent} ${callFrame.functionName}`);
}

describe('the marks that memtool makes', () => {
  const mark = node({ name: 'memtoolEpoch7' }, 16 * KIB, node({ name: 'fill' }, 2, node({ name: 'chunk' }, 512 * KIB)));
  const timers = node({ name: 'listOnTimeout', url: 'node:internal/timers' }, 0, node({ name: 'tick' }, 0, mark));
  const busy = node({ name: 'main' }, 0, node({ name: 'memtoolEpoch12' }, 5), node({ name: 'rows' }, 64 * KIB));
  const { profile } = processProfile(node({ name: '(root)' }, 0, timers, busy, node({ name: 'empty' }, 0)));

  test('are left out with all they called, and with callers that called nothing else', () => {
    expect(names(withoutMarks(profile).head)).toEqual(['-1 (root)', '0 main', '1 rows', '0 empty']);
  });

  test('are left out of the samples, too', () => {
    const left = withoutMarks(profile);
    expect(left.samples.map(({ size }) => size)).toEqual([64 * KIB]);
    expect(liveBytesOf(left)).toBe(64 * KIB);
  });

  test('leave the profile they are taken from as it is, and one without them equal', () => {
    const before = structuredClone(profile);
    withoutMarks(profile);
    expect(profile).toEqual(before);
    const orders = ordersProfile().profile;
    expect(withoutMarks(orders)).toEqual(orders);
  });

  test('are only what is called so exactly', () => {
    const head = node({ name: '(root)' }, 0, node({ name: 'memtoolEpochs' }, 1), node({ name: 'xmemtoolEpoch1' }, 1));
    expect(names(withoutMarks({ head, samples: [] }).head)).toHaveLength(3);
  });
});

test('a profile nested deeper than calls can be is walked all the same', () => {
  let head = node({ name: 'innermost' }, 8);
  for (let depth = 0; depth < 50_000; depth += 1) head = node({ name: 'f' }, 0, head);
  expect(liveBytesOf(withoutMarks({ head, samples: [] }))).toBe(8);
});

describe('a frame', () => {
  test.each([
    ['file:///srv/app/a%20b.js', 'application', ''],
    ['/srv/app/main.js', 'application', ''],
    ['/srv/node_modules/.pnpm/csv@1.0.0/node_modules/csv/lib/index.js', 'package', 'csv'],
    ['file:///srv/node_modules/@scope/csv/index.js', 'package', '@scope/csv'],
    ['C:\\srv\\node_modules\\@scope\\csv\\index.js', 'package', '@scope/csv'],
    ['/srv/node_modules/csv\n/index.js', 'package', 'csv\n'],
    ['/srv/my_node_modules/index.js', 'application', ''],
    ['node:internal/timers', 'node', ''],
    ['', 'engine', ''],
    ['evalmachine.<anonymous>', 'application', ''],
    ['file:///%', 'application', ''],
    ['file://elsewhere/x.js', 'application', ''],
  ])('of %j is of the %s %s', (url, origin, packageName) => {
    expect(frameOf(node({ name: 'f', url }, 0).callFrame)).toMatchObject({ origin, packageName });
  });

  test('says where its function begins, counted from 1', () => {
    const { callFrame } = node({ name: 'f', url: 'file:///srv/a%20b.js', line: 9, column: 4 }, 0);
    expect(placeOf(frameOf(callFrame))).toBe('/srv/a b.js:10:5');
    expect(placeOf(frameOf(node({ name: 'f' }, 0).callFrame))).toBe('');
  });

  test('without a name is told apart by its place', () => {
    expect(frameOf(node({ url: '/srv/rows.js', line: 4, column: 11 }, 0).callFrame).name).toBe(
      '(anonymous) rows.js:5:12',
    );
    expect(frameOf(node({}, 0).callFrame).name).toBe('(anonymous)');
  });
});

test('a .heapprofile is what the DevTools protocol has, and nothing more', () => {
  const { profile } = ordersProfile();
  expect(JSON.parse(renderHeapprofile(profile))).toEqual(profile);
});

describe('what is said of a written profile', () => {
  const { profile: _, startedMs: __, endedMs: ___, ...identity } = ordersProfile();
  const written: ProcessExport = {
    ...identity,
    file: 'orders api.pb.gz',
    format: 'pprof',
    bytes: 2048,
    liveBytes: 480 * KIB,
    samples: 4,
  };
  const drawn = (changed: Partial<ProcessExport>): string =>
    renderProfile(
      { schemaVersion: 1, command: 'profile', processes: [{ ...written, ...changed }] },
      { width: 80, theme: PLAIN_THEME },
    );

  test('file, size, bytes, watch, pause, and what reads it', () => {
    expect(drawn({})).toMatchInlineSnapshot(`
      "orders-api  pid 4242  Node 20.20.2  up 1h

        Wrote orders api.pb.gz: a pprof profile, 2.0 KiB. Reading it stopped the
        application for 61ms.
        It shows 480.0 KiB that are alive, told from 4 samples, one every 512.0 KiB.
        The heap has been watched for 5m 12s: what was allocated before is not in it,
        nor are buffers.
        Look at it with \`go tool pprof -http=: 'orders api.pb.gz'\`, or send it to
        Pyroscope."
    `);
  });

  test('other formats are opened by other tools', () => {
    expect(drawn({ format: 'heapprofile' })).toContain('Chrome DevTools');
    expect(drawn({ format: 'flamegraph' })).toContain('any browser');
    expect(drawn({ file: '-' })).toContain('Wrote stdout');
  });

  test('nothing sampled, and a sampler of somebody else', () => {
    expect(drawn({ samples: 0, liveBytes: 0 })).toMatch(/nothing that was sampled since is\s+alive/);
    expect(drawn({ sampleBytes: null })).toContain('not memtool’s');
  });

  test('a file name cannot steer the terminal', () => {
    expect(drawn({ file: 'a\u001b[2Jb' })).not.toContain('\u001b');
  });
});
