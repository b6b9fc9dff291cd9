import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { judgePlan } from '../../src/budget/plan/judge-plan.ts';
import { readPlan } from '../../src/budget/plan/read-plan.ts';
import { renderBudget } from '../../src/render/budget.ts';
import { AT_80 } from './sample.ts';

function drawn(name: string, width: number = 80): string {
  const text = readFileSync(new URL(`../fixtures/plans/${name}`, import.meta.url), 'utf8');
  return renderBudget(judgePlan(readPlan(text, name), name), { ...AT_80, width });
}

function drawnPlan(plan: object): string {
  const text = JSON.stringify({ memtoolPlan: 1, ...plan });
  return renderBudget(judgePlan(readPlan(text, 'plan.json'), 'plan.json'), AT_80);
}

test('80 columns: over', () => {
  expect(drawn('column-families.json')).toMatchInlineSnapshot(`
    "store  column-families.json  over

      COMPONENT      UNITS                EACH      BYTES   SHARE  HALF SAVES
      write buffers  3 x 50 families  64.0 MiB    9.4 GiB  96.0 %     4.7 GiB
      block cache    50 families       8.0 MiB  400.0 MiB   4.0 %   200.0 MiB
      total                                       9.8 GiB

      COUNT     PLANNED  HALF  HALF SAVES
      families       50    25     4.9 GiB

      LIMIT      USAGE                          NEEDED    LIMIT      LEFT
      container  ████████████████████ 657.3 %  9.9 GiB  1.5 GiB  -8.4 GiB

      The container is over by 8.4 GiB. Halving the number of families saves most,
      4.9 GiB, which alone is not enough.
      What the container needs includes 96.0 MiB of head-room for code, stacks and
      what V8 and the allocator keep."
  `);
});

test('80 columns: in several places, near a limit', () => {
  expect(drawn('orders.json')).toMatchInlineSnapshot(`
    "orders-api  orders.json  fits

      COMPONENT       UNITS                      EACH      BYTES   SHARE  HALF SAVES
      sessions        5000 connections       96.0 KiB  468.8 MiB  39.8 %   234.4 MiB
      live rows       2000 x 200 subscript…   1.0 KiB  390.6 MiB  33.2 %   195.3 MiB
      pages           4000                   64.0 KiB  250.0 MiB  21.2 %   125.0 MiB
      worker threads  4 workers              12.0 MiB   48.0 MiB   4.1 %    24.0 MiB
      query plans     500                    40.0 KiB   19.5 MiB   1.7 %     9.8 MiB
      total                                              1.1 GiB

      COUNT          PLANNED  HALF  HALF SAVES
      connections       5000  2500   234.4 MiB
      subscriptions      200   100   195.3 MiB
      workers              4     2    24.0 MiB

      LIMIT       USAGE                            NEEDED      LIMIT       LEFT
      pool cache  ███████████████████░  97.7 %  250.0 MiB  256.0 MiB    6.0 MiB
      heap        █████████████████░░░  85.8 %  878.9 MiB    1.0 GiB  145.1 MiB
      container   █████████████░░░░░░░  66.4 %    1.3 GiB    2.0 GiB  687.2 MiB
      pool query  ████████░░░░░░░░░░░░  39.1 %   19.5 MiB   50.0 MiB   30.5 MiB

      It fits, but pool cache and heap are close.
      What the container needs includes 183.9 MiB of head-room for code, stacks and
      what V8 and the allocator keep."
  `);
});

test('shared by many', () => {
  expect(drawn('buffers-shared.json')).toMatchInlineSnapshot(`
    "events  buffers-shared.json  fits

      COMPONENT      UNITS                       EACH     BYTES    SHARE  HALF SAVES
      write buffers  3 shared by 1000 fami…  15.3 MiB  45.8 MiB  100.0 %    22.9 MiB
      total                                            45.8 MiB

      COUNT     PLANNED  HALF  HALF SAVES
      families     1000   500         0 B

      LIMIT      USAGE                            NEEDED    LIMIT       LEFT
      container  ███░░░░░░░░░░░░░░░░░  13.8 %  141.8 MiB  1.0 GiB  882.2 MiB

      It fits.
      What the container needs includes 96.0 MiB of head-room for code, stacks and
      what V8 and the allocator keep."
  `);
});

test('60 columns', () => {
  expect(drawn('column-families.json', 60)).toMatchInlineSnapshot(`
    "store  column-families.json  over

      COMPONENT      UNITS                BYTES  HALF SAVES
      write buffers  3 x 50 families    9.4 GiB     4.7 GiB
      block cache    50 families      400.0 MiB   200.0 MiB
      total                             9.8 GiB

      COUNT     PLANNED  HALF  HALF SAVES
      families       50    25     4.9 GiB

      LIMIT      USAGE                 NEEDED    LIMIT      LEFT
      container  ███████████ 657.3 %  9.9 GiB  1.5 GiB  -8.4 GiB

      The container is over by 8.4 GiB. Halving the number of
      families saves most, 4.9 GiB, which alone is not enough.
      What the container needs includes 96.0 MiB of head-room
      for code, stacks and what V8 and the allocator keep."
  `);
});

test('no limits, and names that would steer the terminal', () => {
  expect(drawnPlan({ name: '\u001b[2J', components: [{ name: 'a\u0007', unitSize: 5 }] })).toMatchInlineSnapshot(`
    "?[2J  plan.json  no limits

      COMPONENT  UNITS  EACH  BYTES    SHARE  HALF SAVES
      a?         1       5 B    5 B  100.0 %         2 B
      total                     5 B

      No limit to check it against: give --container 2GiB, or \`limits\` in the file."
  `);
});

test('limits that are wider than the container', () => {
  const text = drawnPlan({
    limits: { container: '512MiB', heap: '4GiB' },
    components: [{ name: 'sessions', unitSize: '50MiB', where: 'heap' }],
  });
  expect(text.replace(/\s+/g, ' ')).toContain('A heap limit of 416.0 MiB would fit.');
});
