import { expect, test } from 'vitest';
import { renderLeaks } from '../../src/render/leaks.ts';
import type { Leak } from '../../src/report/leaks.ts';
import type { LeakScope } from '../../src/report/scopes.ts';
import { AT_80, leaksOf, LOST, STALE } from './sample.ts';

const QUERY: LeakScope = { kind: 'query', name: 'q-1', user: 'ana', transaction: null };

function heldFor(scope: Partial<LeakScope>): Leak {
  return { ...LOST, scope: { ...QUERY, ...scope } };
}

test('80 columns: most certain and largest first, each with its reason, totals last, then what to type', () => {
  expect(renderLeaks(leaksOf([LOST, STALE]), AT_80)).toMatchInlineSnapshot(`
    "orders-api  pid 4242  Node 20.20.0  up 5m 12s

      VERDICT  KIND   POOL   TAG           COUNT     BYTES  OLDEST
      leak     lost   query  profile-rows    120   3.0 MiB     12s
              Never freed, and nothing in the program refers to it any more.
      suspect  stale  cache  load              2  40.0 MiB     15m
              Held for query q-17, transaction t-3, user ana.
              Held for up to 15m and still referred to. Grows by 1.0 MiB a minute.
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
              Held for query q-17, transaction t-3,
              user ana.
              Held for up to 15m and still referred
              to. Grows by 1.0 MiB a minute.
              at load (/app/pages.js:12:3)
              at main (/app/main.js:1:1)
      total                           122  43.0 MiB

      To give back what is certain:
      \`memtool cleanup 4242\`"
  `);
});

test('rows that differ only in their scope are one, with how many and whose; what was held for nobody stays apart', () => {
  const orphaned = Array.from({ length: 400 }, (_, index): Leak => ({
    ...LOST,
    kind: 'orphaned',
    scope: { ...QUERY, name: `q-${index}`, user: index % 2 === 0 ? 'ana' : 'bob' },
    count: 2,
    bytes: (index + 1) * 1024,
    oldestAgeSeconds: index,
    reason: `Still held although the query q-${index} has ended; the oldest is ${index}s old.`,
  }));
  const unscoped: Leak = { ...LOST, kind: 'orphaned', bytes: 10, count: 1 };
  expect(renderLeaks(leaksOf([...orphaned, unscoped]), AT_80)).toMatchInlineSnapshot(`
    "orders-api  pid 4242  Node 20.20.0  up 5m 12s

      VERDICT  KIND      POOL   TAG           COUNT     BYTES  OLDEST
      leak     orphaned  query  profile-rows    800  78.3 MiB  6m 39s
              Held for 400 queries of 2 users; the largest: query q-399, user bob
              (400.0 KiB); query q-398, user ana (399.0 KiB); query q-397, user bob
              (398.0 KiB).
              Still held although they have ended; the oldest is 6m 39s old.
      leak     orphaned  query  profile-rows      1      10 B     12s
              Never freed, and nothing in the program refers to it any more.
      total                                     801  78.3 MiB

      To give back what is certain: \`memtool cleanup 4242\`"
  `);
});

test('queries of one user name the user; scopes of several kinds are called scopes, and of nobody if one is', () => {
  const wide = { ...AT_80, width: 200 };
  const ofOne = renderLeaks(leaksOf([heldFor({}), heldFor({ name: 'q-2', transaction: 't-3' })]), wide);
  expect(ofOne).toContain('Held for 2 queries of user ana; the largest: query q-1, user ana (3.0 MiB); query q-2, tr');
  const ofSeveral = renderLeaks(leaksOf([heldFor({}), heldFor({ kind: 'procedure', user: null })]), wide);
  expect(ofSeveral).toContain('Held for 2 scopes; the largest:');
});

test('a name that holds control characters cannot steer the terminal', () => {
  const leaks = [heldFor({ name: 'q\u001b[2J', user: null })];
  expect(renderLeaks(leaksOf(leaks), AT_80)).toContain('Held for query q?[2J.');
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
  expect(text).toContain('and 3 smaller rows (3 B); --json has them all');
});

test('what was lost and given back already is still told', () => {
  const released = [{ manager: 'orders-api', pool: 'query', count: 60, bytes: 15 * 1024 * 1024 }];
  const report = leaksOf([]);
  const processes = report.processes.map((found) => ({ ...found, released }));
  expect(renderLeaks({ ...report, processes }, AT_80)).toContain(
    'Given back already: 15.0 MiB that were lost in query since the start, in 60',
  );
});

test('what was given back names the manager where there are several, and one record is one', () => {
  const released = ['a', 'b'].map((manager) => ({ manager, pool: 'query', count: 1, bytes: 1024 }));
  const report = leaksOf([]);
  const processes = report.processes.map((found) => ({ ...found, released }));
  expect(renderLeaks({ ...report, processes }, { ...AT_80, width: 200 })).toContain(
    'Given back already: 1.0 KiB that was lost in b / query since the start, in 1 record. The program forgets to free it.',
  );
});

test('of a process without pools nothing is known, which is not called "No leaks"', () => {
  const report = leaksOf([]);
  const processes = report.processes.map((found) => ({ ...found, unavailable: { pools: 'nothing uses them yet' } }));
  const text = renderLeaks({ ...report, processes }, AT_80);
  expect(text).not.toContain('No leaks');
  expect(text).toContain('Whether anything leaks here cannot be told');
  expect(text).toContain('pools unavailable: nothing uses them yet');
});
