import { describe, expect, test } from 'vitest';
import { update } from '../../../src/commands/top/state.ts';
import type { ProcessCleanup } from '../../../src/report/cleanup.ts';
import type { TopState } from '../../../src/report/top.ts';
import { CLEANUP, IDENTITY, LOST } from '../sample.ts';
import { afterLooks, BILLING, keyOf, ORDERS, screen, START_MS } from './sample.ts';

const LATER_MS = START_MS + 60_000;

function opened(tab: TopState['tab']): TopState {
  return { ...afterLooks([ORDERS, BILLING], 30), opened: keyOf(ORDERS), selected: keyOf(ORDERS), tab };
}

function cleaning(report: ProcessCleanup): TopState {
  const cleanup = { key: keyOf(ORDERS), stage: 'foreseeing', report: null, error: null } as const;
  return update({ ...opened('pools'), cleanup }, { kind: 'foreseen', key: keyOf(ORDERS), report }, LATER_MS);
}

describe('an opened process', () => {
  test('its limits, 80x24', () => {
    expect(screen(opened('pools'), 80, 24)).toMatchInlineSnapshot(`
      "
      orders-api  pid 4242  critical  up 5m 12s  Node 20.20.2       every 2s  03:05:03
      RSS 194.5 MiB ▁▂▄▅▇█, +15.0 MiB a minute, heap 48.6 MiB of 4.0 GiB, CPU 31.4 %
      [1 limits]  2 heap & workers   3 scopes   4 leaks 

        LIMIT OF    USAGE                 USED      LIMIT    LAST 3m  FULL IN  REFUSED
        pool cache  ██████░  96.0 %   96.0 MiB  100.0 MiB        ▁▁▁       2m        7
        pool query  ██░░░░░  24.0 %   12.0 MiB   50.0 MiB        ▁▁▁        -        0
        pool temp   ░░░░░░░   0.0 %        0 B   25.0 MiB        ▁▁▁        -        0

        Pool cache is at 96.0 % of its limit, full in 2m. l tells who holds it; c,
        what could be given back.












       q quit  ? help  Esc back  Tab next page  ↑↓ scroll  space pause  c cleanup
      "
    `);
  });

  test('its limits, 120x16', () => {
    expect(screen(opened('pools'), 120, 16)).toMatchInlineSnapshot(`
      "
      orders-api  pid 4242  critical  up 5m 12s  Node 20.20.2                                               every 2s  03:05:03
      RSS 194.5 MiB ▁▂▄▅▇█, +15.0 MiB a minute, heap 48.6 MiB of 4.0 GiB, CPU 31.4 %
      [1 limits]  2 heap & workers   3 scopes   4 leaks 

        LIMIT OF    USAGE                  USED      LIMIT                               LAST 6m  PER MINUTE  FULL IN  REFUSED
        pool cache  ███████░  96.0 %   96.0 MiB  100.0 MiB                                ▁▁▁▁▁▁    +2.0 MiB       2m        7
        pool query  ██░░░░░░  24.0 %   12.0 MiB   50.0 MiB                                ▁▁▁▁▁▁         0 B        -        0
        pool temp   ░░░░░░░░   0.0 %        0 B   25.0 MiB                                ▁▁▁▁▁▁         0 B        -        0

        Pool cache is at 96.0 % of its limit, full in 2m. l tells who holds it; c, what could be given back.





       q quit  ? help  Esc back  Tab next page  ↑↓ scroll  space pause  c cleanup  l leaks  +- interval
      "
    `);
  });

  test('its limits, 40x10', () => {
    expect(screen(opened('pools'), 40, 10)).toMatchInlineSnapshot(`
      "
      orders-api  pid 4242  critical  up 5m 1…
      RSS 194.5 MiB ▁▂▄▅▇█, +15.0 MiB a minut…
      [1 limits]  2 heap & workers   3 scopes…

        LIMIT OF  USAGE          USED  FULL IN
        pool ca…    96.0 %   96.0 MiB       2m
        pool qu…    24.0 %   12.0 MiB        -
        pool te…     0.0 %        0 B        -
        4 more lines below: ↓
       q quit  ? help  Esc back  Tab next page
      "
    `);
  });

  test('heap and workers', () => {
    expect(screen(opened('heap'), 80, 12)).toMatchInlineSnapshot(`
      "
      orders-api  pid 4242  critical  up 5m 12s  Node 20.20.2       every 2s  03:05:03
      RSS 194.5 MiB ▁▂▄▅▇█, +15.0 MiB a minute, heap 48.6 MiB of 4.0 GiB, CPU 31.4 %
       1 limits  [2 heap & workers]  3 scopes   4 leaks 

        process  CPU 31.4 %, RSS 194.5 MiB, heap 48.6 MiB of 4.0 GiB, external 2.0
                 MiB, buffers 1.0 MiB, memtool itself 9.0 MiB
        heap                                   ▁▂▄▅▇█
        RSS                                    ▁▂▄▅▇█



       q quit  ? help  Esc back  Tab next page  ↑↓ scroll  space pause  c cleanup
      "
    `);
  });

  test('scopes', () => {
    expect(screen(opened('scopes'), 80, 10)).toMatchInlineSnapshot(`
      "
      orders-api  pid 4242  critical  up 5m 12s  Node 20.20.2       every 2s  03:05:03
      RSS 194.5 MiB ▁▂▄▅▇█, +15.0 MiB a minute, heap 48.6 MiB of 4.0 GiB, CPU 31.4 %
       1 limits   2 heap & workers  [3 scopes]  4 leaks 

        KIND   NAME  USER  USAGE                           USED    LIMIT     PEAK  AGE
        query  q-17  ana   ██████████████░░░░░  75.0 %  3.0 MiB  4.0 MiB  3.0 MiB  12s
        and 2 smaller; \`memtool stats 4242 --scopes 53\`


       q quit  ? help  Esc back  Tab next page  ↑↓ scroll  space pause  c cleanup
      "
    `);
  });

  test('leaks: the heap is read only when it is asked for, and it is told what that costs', () => {
    const report = {
      ...IDENTITY,
      leaks: [LOST],
      totals: { count: 120, bytes: LOST.bytes },
      unavailable: {
        heap: 'a reading would have the main thread stand still for about 52ms: to have it made, say --max-pause 1s',
      },
    };
    const asked: TopState = {
      ...opened('leaks'),
      leaks: { key: keyOf(ORDERS), stage: 'asking', ageSeconds: 300, report: null, answeredAtMs: null, error: null },
    };
    expect(screen(asked, 80, 9)).toMatchInlineSnapshot(`
      "
      orders-api  pid 4242  critical  up 5m 12s  Node 20.20.2       every 2s  03:05:03
      RSS 194.5 MiB ▁▂▄▅▇█, +15.0 MiB a minute, heap 48.6 MiB of 4.0 GiB, CPU 31.4 %
       1 limits   2 heap & workers   3 scopes  [4 leaks]

        Asking what is lost, orphaned or held too long.
        Its heap was not read. h reads it, by place in the program; that stops the
        process, about 58 ms.

       q quit  ? help  Esc back  h read the heap  a age  l again  c cleanup  ↑↓ scroll
      "
    `);
    const answered = update(asked, { kind: 'leaks', key: keyOf(ORDERS), report }, LATER_MS);
    expect(screen(update(answered, { kind: 'tick' }, LATER_MS + 5000), 80, 20)).toMatchInlineSnapshot(`
      "
      orders-api  pid 4242  critical  up 5m 12s  Node 20.20.2       every 2s  03:05:10
      RSS 194.5 MiB ▁▂▄▅▇█, +15.0 MiB a minute, heap 48.6 MiB of 4.0 GiB, CPU 31.4 %
       1 limits   2 heap & workers   3 scopes  [4 leaks]

        As of 5s ago, not followed: l looks again. Older than 5m counts as stale: a
        changes that.
        Its heap was not read. h reads it, by place in the program; that stops the
        process, about 58 ms.

        VERDICT  KIND  POOL   TAG           COUNT    BYTES  OLDEST
        leak     lost  query  profile-rows    120  3.0 MiB     12s
                Never freed, and nothing in the program refers to it any more.
        total                                 120  3.0 MiB

        To give back what is certain: \`memtool cleanup 4242\`




       q quit  ? help  Esc back  h read the heap  a age  l again  c cleanup  ↑↓ scroll
      "
    `);
  });

  test('one that has ended keeps its last figures, and says how to know more', () => {
    const state = update(opened('pools'), { kind: 'ended', key: keyOf(ORDERS) }, LATER_MS);
    expect(screen(update(state, { kind: 'tick' }, LATER_MS + 20_000), 80, 14)).toMatchInlineSnapshot(`
      "
      orders-api  pid 4242  ended  up 5m 12s  Node 20.20.2          every 2s  03:05:25
      RSS 194.5 MiB ▁▂▄▅▇█, +15.0 MiB a minute, heap 48.6 MiB of 4.0 GiB, CPU 31.4 %
      [1 limits]  2 heap & workers   3 scopes   4 leaks 

        It ended 20s ago. What it held then, and what ended it: \`memtool last 4242\`.

        LIMIT OF    USAGE                 USED      LIMIT    LAST 3m  FULL IN  REFUSED
        pool cache  ██████░  96.0 %   96.0 MiB  100.0 MiB        ▁▁▁       2m        7
        pool query  ██░░░░░  24.0 %   12.0 MiB   50.0 MiB        ▁▁▁        -        0
        pool temp   ░░░░░░░   0.0 %        0 B   25.0 MiB        ▁▁▁        -        0



       q quit  ? help  Esc back  Tab next page  ↑↓ scroll  space pause  c cleanup
      "
    `);
  });
});

describe('cleanup', () => {
  const [report] = CLEANUP.processes;
  if (!report || 'error' in report) throw new Error('the sample has no report');
  const { layers: _, gcPauseMs: __, ...foreseen } = report;

  test('first shows what would be given back, and asks', () => {
    expect(screen(cleaning(foreseen), 80, 18)).toMatchInlineSnapshot(`
      "
      cleanup of orders-api (4242)                                  every 2s  03:05:05

        Would give back 3.0 MiB to the pools, and 2.0 MiB of idle memory:
        KIND   POOL   TAG           COUNT    BYTES
        lost   query  profile-rows    120  3.0 MiB
        total                         120  3.0 MiB
        idle   query  -                 1  2.0 MiB

        Left in place:
        KIND   POOL   TAG    COUNT     BYTES
        stale  cache  pages      2  40.0 MiB
                Still referred to; only --force takes it, and its holder then gets an
                error.




       Give it back?  y yes  any other key no
      "
    `);
  });

  test('asks nothing when there is nothing to give back', () => {
    const state = cleaning({ ...foreseen, reclaimed: [], left: [], totals: { count: 0, bytes: 0 } });
    expect(screen(state, 80, 6)).toMatchInlineSnapshot(`
      "
      cleanup of orders-api (4242)                                  every 2s  03:05:05
        Nothing would be given back.



       any key back
      "
    `);
  });

  test('then shows what was', () => {
    const state = cleaning(foreseen);
    const cleanup = state.cleanup && { ...state.cleanup, stage: 'cleaning' as const };
    expect(screen(update({ ...state, cleanup }, { kind: 'cleaned', key: keyOf(ORDERS), report }, LATER_MS), 80, 12))
      .toMatchInlineSnapshot(`
        "
        cleanup of orders-api (4242)                                  every 2s  03:05:05

          Gave back 3.0 MiB to the pools, and 2.0 MiB of idle memory:
          KIND   POOL   TAG           COUNT    BYTES
          lost   query  profile-rows    120  3.0 MiB
          total                         120  3.0 MiB
          idle   query  -                 1  2.0 MiB

          Left in place:
          KIND   POOL   TAG    COUNT     BYTES
          11 more lines below: ↓
         any key back
        "
      `);
  });
});

test('help', () => {
  expect(screen({ ...opened('pools'), isHelp: true, opened: null }, 80, 24)).toMatchInlineSnapshot(`
    "
    memtool top: keys                                             every 2s  03:05:03

      ↑ ↓  j k  select a process, or scroll
      Enter     open it: its limits, heap and workers, scopes, leaks
      Tab  1-4  the next page of an opened process, or one of them; p the limits
      Esc       back; in the overview, all processes without a filter
      s  r      sort by the next figure (its column has a *); the other way round
      /         filter by a part of the name or the pid
      space     pause: nobody is asked, and what is shown stays
      +  -      look less often, or more often
      c         what could be given back; y then does it
      l         leaks: what is lost, orphaned or held too long
      h         there: read the heap too, which stops the process for a moment
      a         there: another age from which on something counts as held too long
      Ctrl-Z    back to the shell for a while; fg goes on
      q         quit; so does Ctrl-C, with exit code 130

      LEVEL is that of the limit that is nearest: warning from 80 %, critical from
      95 %, if the program has not set others. PER MINUTE is growth over the last
      minute, and FULL IN what follows from it.



     any key back  q quit
    "
  `);
});
