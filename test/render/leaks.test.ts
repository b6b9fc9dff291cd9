import { expect, test } from 'vitest';
import { renderLeaks } from '../../src/render/leaks.ts';
import { AT_80, leaksOf, LOST, STALE } from './sample.ts';

test('80 columns: most certain and largest first, each with its reason, totals last, then what to type', () => {
  expect(renderLeaks(leaksOf([LOST, STALE]), AT_80)).toMatchInlineSnapshot(`
    "orders-api  pid 4242  Node 20.20.0  up 5m 12s

      VERDICT  KIND   POOL   TAG           COUNT     BYTES  OLDEST
      leak     lost   query  profile-rows    120   3.0 MiB     12s
              Never freed, and nothing in the program refers to it any more.
      suspect  stale  cache  load              2  40.0 MiB     15m
              Held for up to 15m and still referred to. Held for query q-17,
              transaction t-3, user ana. Grows by 1.0 MiB a minute.
              at load (/app/pages.js:12:3)
              at main (/app/main.js:1:1)
      total                                  122  43.0 MiB

      To give back what is certain: \`memtool cleanup 4242\`"
  `);
});

test('50 columns', () => {
  expect(renderLeaks(leaksOf([LOST, STALE]), { ...AT_80, width: 50 })).toMatchInlineSnapshot(`
    "orders-api  pid 4242  Node 20.20.0  up 5m 12s

      VERDICT  POOL   TAG           COUNT     BYTES
      leak     query  profile-rows    120   3.0 MiB
              Never freed, and nothing in the program
              refers to it any more.
      suspect  cache  load              2  40.0 MiB
              Held for up to 15m and still referred
              to. Held for query q-17, transaction
              t-3, user ana. Grows by 1.0 MiB a
              minute.
              at load (/app/pages.js:12:3)
              at main (/app/main.js:1:1)
      total                           122  43.0 MiB

      To give back what is certain:
      \`memtool cleanup 4242\`"
  `);
});

test('none', () => {
  expect(renderLeaks(leaksOf([]), AT_80)).toMatchInlineSnapshot(`
    "orders-api  pid 4242  Node 20.20.0  up 5m 12s

      No leaks: nothing is lost or orphaned, and nothing has been held for longer
      than 5m."
  `);
});

test('what is only suspected is not called a leak, and --force is not recommended', () => {
  expect(renderLeaks({ ...leaksOf([STALE]), ageSeconds: 60 }, AT_80)).toContain(
    '`memtool cleanup 4242 --age 60` (--force takes it away, whoever',
  );
});

test('a cache is nothing to act on', () => {
  expect(renderLeaks(leaksOf([{ ...STALE, verdict: 'cache' }]), AT_80)).toContain(
    'Nothing here is a leak for certain.',
  );
});

test('the twenty largest rows are shown, and how many there are beside them', () => {
  const leaks = Array.from({ length: 23 }, (_, index) => ({ ...LOST, tag: `tag-${index}.`, bytes: index }));
  const text = renderLeaks(leaksOf(leaks), AT_80);
  expect(text).toContain('tag-22.');
  expect(text).toContain('tag-3.');
  expect(text).not.toContain('tag-2.');
  expect(text).toContain('and 3 smaller rows; --json has them all');
});

test('what was lost and given back already is still told', () => {
  const released = [{ manager: 'orders-api', pool: 'query', count: 60, bytes: 15 * 1024 * 1024 }];
  const report = leaksOf([]);
  const processes = report.processes.map((found) => ({ ...found, released }));
  expect(renderLeaks({ ...report, processes }, AT_80)).toContain(
    'Given back already: 15.0 MiB in 60 that were lost in query',
  );
});
