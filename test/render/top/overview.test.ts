import { describe, expect, test } from 'vitest';
import { update } from '../../../src/commands/top/state.ts';
import { PLAIN_THEME } from '../../../src/render/style.ts';
import { renderTop } from '../../../src/render/top/top.ts';
import type { TopState } from '../../../src/report/top.ts';
import { afterLooks, BILLING, keyOf, ORDERS, screen, SEARCH, START_MS } from './sample.ts';

const LATER_MS = START_MS + 60_000;

function threeProcesses(): TopState {
  return afterLooks([ORDERS, BILLING, SEARCH], 30);
}

describe('the overview', () => {
  test('80x24', () => {
    expect(screen(threeProcesses(), 80, 24)).toMatchInlineSnapshot(`
      "
      memtool top  3 processes  by pressure                         every 2s  03:05:03
      orders-api (4242): pool cache is at 96.0 % of its limit, full in 2m (and 1 more)

        NAME          PID  LEVEL*          RSS  LAST 2m    CPU  FULLEST  USAGE
      > orders-api   4242  critical  194.5 MiB     ▁▄▇█   31 %  cache    ████░  96.0 %
        billing      4301  warning   104.5 MiB     ▁▄▇█    2 %  query    ████░  82.0 %
        検索-サー…     77  normal    424.5 MiB     ▁▄▇█    2 %  index    █░░░░   5.0 %

      orders-api (4242)  up 5m 12s, CPU 31.4 %, heap 48.6 MiB of 4.0 GiB, external 2.…
        LIMIT OF    USAGE                  USED      LIMIT   LAST 2m  FULL IN  REFUSED
        pool cache  ███████░  96.0 %   96.0 MiB  100.0 MiB      ▁▁▁▁       2m        7
        pool query  ██░░░░░░  24.0 %   12.0 MiB   50.0 MiB      ▁▁▁▁        -        0
        pool temp   ░░░░░░░░   0.0 %        0 B   25.0 MiB      ▁▁▁▁        -        0

        l tells who holds it; c, what could be given back.








       q quit  ? help  ↑↓ select  Enter open  s sort  / filter  space pause  c cleanup
      "
    `);
  });

  test('120x40', () => {
    expect(screen(threeProcesses(), 120, 40)).toMatchInlineSnapshot(`
      "
      memtool top  3 processes  by pressure                                                                 every 2s  03:05:03
      orders-api (4242): pool cache is at 96.0 % of its limit, full in 2m (and 1 more)

        NAME            PID  LEVEL*          RSS  LAST 2m     RSS/MIN    CPU       HEAP  HEAP USAGE     FULLEST  USAGE
      > orders-api     4242  critical  194.5 MiB     ▁▄▇█   +15.0 MiB   31 %   48.6 MiB  █░░░░   1.2 %  cache    ████░  96.0 %
        billing        4301  warning   104.5 MiB     ▁▄▇█   +15.0 MiB    2 %   26.1 MiB  █░░░░   0.6 %  query    ████░  82.0 %
        検索-サービ…     77  normal    424.5 MiB     ▁▄▇█   +15.0 MiB    2 %  106.1 MiB  █░░░░   2.6 %  index    █░░░░   5.0 %

      orders-api (4242)  up 5m 12s, CPU 31.4 %, heap 48.6 MiB of 4.0 GiB, external 2.0 MiB, 3 scopes
        LIMIT OF    USAGE                              USED      LIMIT       LAST 2m  PER MINUTE  FULL IN  REFUSED  OLDEST
        pool cache  ███████████████████░  96.0 %   96.0 MiB  100.0 MiB        ▁▁▁▁▁▁    +2.0 MiB       2m        7      5m
        pool query  █████░░░░░░░░░░░░░░░  24.0 %   12.0 MiB   50.0 MiB        ▁▁▁▁▁▁         0 B        -        0      5m
        pool temp   ░░░░░░░░░░░░░░░░░░░░   0.0 %        0 B   25.0 MiB        ▁▁▁▁▁▁         0 B        -        0      5m

        l tells who holds it; c, what could be given back.
























       q quit  ? help  ↑↓ select  Enter open  s sort  / filter  space pause  c cleanup  l leaks  r reverse  +- interval
      "
    `);
  });

  test('40x10', () => {
    expect(screen(threeProcesses(), 40, 10)).toMatchInlineSnapshot(`
      "
      memtool top  3 processes  by pressure
      pool cache 96.0 %, full in 2m

        NAME           LEVEL*    USAGE
      > orders-api     critical  ████░  96.0 %
        billing        warning   ████░  82.0 %
        検索-サービ…   normal    █░░░░   5.0 %


       q quit  ? help  ↑↓ select  Enter open
      "
    `);
  });

  test('hardly any room', () => {
    expect(screen(threeProcesses(), 1, 1)).toMatchInlineSnapshot(`
      "
      …
      "
    `);
    expect(screen(threeProcesses(), 8, 2)).toMatchInlineSnapshot(`
      "
      memtool…
       q quit
      "
    `);
    expect(screen(threeProcesses(), 20, 3)).toMatchInlineSnapshot(`
      "
      memtool top  3 proc…
      > orders-…  critical
       q quit  ? help
      "
    `);
    expect(screen(threeProcesses(), 30, 6)).toMatchInlineSnapshot(`
      "
      memtool top  3 processes  by …
        NAME             LEVEL*
      > orders-api       critical   
        billing          warning
        検索-サービス🔎  normal
       q quit  ? help  ↑↓ select
      "
    `);
  });

  test('one that does not answer, one that has ended, one that is new', () => {
    let state = afterLooks([ORDERS, BILLING], 5);
    const error = {
      code: 'MEMTOOL_TIMEOUT',
      message: 'Process 4301 (billing) did not answer within 5 s.',
      hint: 'The machine may be overloaded or the process stopped (state T in `ps`).',
    };
    state = update(state, { kind: 'silent', key: keyOf(BILLING), error }, LATER_MS);
    const found = [BILLING, SEARCH].map((shape) => ({ key: keyOf(shape), pid: shape.pid, name: 'script.js' }));
    state = update(state, { kind: 'listed', found, startable: null }, LATER_MS);
    state = update(state, { kind: 'tick' }, LATER_MS + 4000);
    expect(screen(state, 80, 20)).toMatchInlineSnapshot(`
      "
      memtool top  2 processes  by pressure                         every 2s  03:05:09
      billing (4301) does not answer

        NAME         PID  LEVEL*          RSS  LAST 2m    CPU  FULLEST  USAGE
      > billing     4301  no reply   92.0 MiB        ▁    2 %  query    █████░  82.0 %
        script.js     77  ...               -               -  -
        orders-api  4242  ended     182.0 MiB        ▁   31 %  cache    █████░  96.0 %

      billing (4301)
        Process 4301 (billing) did not answer within 5 s. It last answered 56s ago.
        The machine may be overloaded or the process stopped (state T in \`ps\`).








       q quit  ? help  ↑↓ select  Enter open  s sort  / filter  space pause  c cleanup
      "
    `);
    expect(screen({ ...state, selected: keyOf(ORDERS) }, 80, 14)).toMatchInlineSnapshot(`
      "
      memtool top  2 processes  by pressure                         every 2s  03:05:09
      billing (4301) does not answer

        NAME         PID  LEVEL*          RSS  LAST 2m    CPU  FULLEST  USAGE
        billing     4301  no reply   92.0 MiB        ▁    2 %  query    █████░  82.0 %
        script.js     77  ...               -               -  -
      > orders-api  4242  ended     182.0 MiB        ▁   31 %  cache    █████░  96.0 %

      orders-api (4242)
        It ended 4s ago. What it held then, and what ended it: \`memtool last 4242\`.



       q quit  ? help  ↑↓ select  Enter open  s sort  / filter  space pause  c cleanup
      "
    `);
  });

  test('paused, with a filter, in another order', () => {
    const state: TopState = {
      ...threeProcesses(),
      pausedAtMs: LATER_MS,
      nowMs: LATER_MS + 75_000,
      filter: 'i',
      sort: 'rss',
      isReversed: true,
    };
    expect(screen(state, 80, 12)).toMatchInlineSnapshot(`
      "
      memtool top  2 of 3 processes  filter "i"  by RSS, reversed   PAUSED 1m 15s ago 
      orders-api (4242): pool cache is at 96.0 % of its limit, full in 2m (and 1 more)

        NAME         PID  LEVEL          RSS*  LAST 2m    CPU  FULLEST  USAGE
      > billing     4301  warning   104.5 MiB     ▁▄▇█    2 %  query    █████░  82.0 %
        orders-api  4242  critical  194.5 MiB     ▁▄▇█   31 %  cache    █████░  96.0 %

      billing (4301)  up 5m 12s, CPU 2.0 %, heap 26.1 MiB of 4.0 GiB, external 2.0 Mi…
        LIMIT OF    USAGE               USED      LIMIT   LAST 2m  PER MINUTE  FULL IN
        pool query  ████░  82.0 %   41.0 MiB   50.0 MiB      ▁▁▁▁  +512.0 KiB      18m

       q quit  ? help  ↑↓ select  Enter open  s sort  / filter  space pause  c cleanup
      "
    `);
  });

  test('what is typed into the filter, and a filter that nothing passes', () => {
    expect(screen({ ...threeProcesses(), isFiltering: true, filter: 'nope' }, 80, 8)).toMatchInlineSnapshot(`
      "
      memtool top  0 of 3 processes  filter "nope"  by pressure     every 2s  03:05:03


        None of 3 processes has "nope" in its name or pid. Esc shows all.



       Filter by name or pid: nope█  Enter keeps it, Esc shows all
      "
    `);
  });

  test('nothing to look at: what to type', () => {
    const empty = afterLooks([], 1);
    expect(screen(empty, 80, 8)).toMatchInlineSnapshot(`
      "
      memtool top  0 processes  by pressure                         every 2s  03:04:05


        No process has a memtool agent now; one that starts is shown at once. Start a
        program with it: \`memtool run app.js\`. Or see an example:
        \`memtool demo --keep\`.

       q quit  ? help  ↑↓ select  Enter open  s sort  / filter  space pause  c cleanup
      "
    `);
    expect(screen({ ...empty, startable: { pid: 99, name: 'app.js' } }, 60, 8)).toMatchInlineSnapshot(`
      "
      memtool top  0 processes  by pressure     every 2s  03:04:05


        No process has a memtool agent now; one that starts is
        shown at once. To start an agent in app.js, without a
        restart: \`memtool attach 99\`.

       q quit  ? help  ↑↓ select  Enter open  s sort  / filter
      "
    `);
  });

  test('more processes than lines: the selected one is among them', () => {
    const many = Array.from({ length: 30 }, (_, index) => ({
      ...BILLING,
      name: `billing-${index}`,
      pid: 5000 + index,
    }));
    const state = { ...afterLooks(many, 2), sort: 'name', selected: '5017-1' } as const;
    const { lines } = renderTop(state, 80, 10, PLAIN_THEME);
    expect(lines.filter((line) => line.startsWith('>'))).toEqual([expect.stringContaining('5017')]);
    expect(lines.join('\n')).toMatch(/↑ \d+ more {2}↓ \d+ more/);
  });
});
