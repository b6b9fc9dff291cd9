import { stripVTControlCharacters } from 'node:util';
import { expect, test } from 'vitest';
import { scopeLines } from '../../src/render/scopes.ts';
import { renderStats } from '../../src/render/stats.ts';
import { loadTheme, type Style } from '../../src/render/style.ts';
import type { ScopeSort, ScopeStats } from '../../src/report/scopes.ts';
import type { ProcessStats } from '../../src/report/stats.ts';
import { AT_80, FAILURE, STATS } from './sample.ts';

const ESCAPE = '\u001b';
const MIB = 1024 * 1024;

function scope(name: string, usedMib: number, changes: Partial<ScopeStats> = {}): ScopeStats {
  return {
    manager: 'orders-api',
    kind: 'query',
    name,
    parent: null,
    user: null,
    transaction: null,
    limitBytes: null,
    usedBytes: usedMib * MIB,
    usedPercent: null,
    level: 'normal',
    peakBytes: usedMib * MIB,
    ageSeconds: 12,
    ...changes,
  };
}

const SCOPES: ScopeStats[] = [
  scope('ana', 12, { kind: 'user', limitBytes: 100 * MIB, usedPercent: 12, ageSeconds: 900 }),
  scope('q-17', 9.6, { parent: 't-3', transaction: 't-3', user: 'ana', limitBytes: 10 * MIB, usedPercent: 96, level: 'critical' }),
  scope('t-3', 8.5, { kind: 'transaction', user: 'ana', limitBytes: 10 * MIB, usedPercent: 85, level: 'warning' }),
  scope('median', 2.4, { kind: 'procedure', parent: 'q-17', transaction: 't-3', user: 'ana', peakBytes: 7 * MIB }),
  scope('q-18', 0, { parent: 'ana', user: 'ana' }),
]; // prettier-ignore

function draw(changes: Partial<ProcessStats>, style: Partial<Style> = {}, sort?: ScopeSort): string {
  const [found = FAILURE] = STATS.processes;
  if ('error' in found) throw new Error('the sample is no process');
  return scopeLines({ ...found, ...changes }, sort, { ...AT_80, ...style }).join('\n');
}

test('120 columns: everything that is known of a scope', () => {
  expect(draw({ scopes: SCOPES, scopeCount: 37 }, { width: 120 })).toMatchInlineSnapshot(`
    "  KIND         NAME    WITHIN  USER  USAGE                             USED      LIMIT      PEAK  AGE
      user         ana     -       -     ██░░░░░░░░░░░░░░░░░░  12.0 %  12.0 MiB  100.0 MiB  12.0 MiB  15m
      query        q-17    t-3     ana   ███████████████████░  96.0 %   9.6 MiB   10.0 MiB   9.6 MiB  12s
      transaction  t-3     -       ana   █████████████████░░░  85.0 %   8.5 MiB   10.0 MiB   8.5 MiB  12s
      procedure    median  q-17    ana                       no limit   2.4 MiB          -   7.0 MiB  12s
      query        q-18    -       ana                       no limit       0 B          -       0 B  12s
      and 32 more; \`--scopes 50\` shows them"
  `);
});

test('80 and 50 columns: names, usage and use stay', () => {
  expect(draw({ scopes: SCOPES })).toMatchInlineSnapshot(`
    "  KIND         NAME    WITHIN  USER  USAGE                  USED      LIMIT  AGE
      user         ana     -       -     █░░░░░░░░  12.0 %  12.0 MiB  100.0 MiB  15m
      query        q-17    t-3     ana   ████████░  96.0 %   9.6 MiB   10.0 MiB  12s
      transaction  t-3     -       ana   ████████░  85.0 %   8.5 MiB   10.0 MiB  12s
      procedure    median  q-17    ana            no limit   2.4 MiB          -  12s
      query        q-18    -       ana            no limit       0 B          -  12s"
  `);
  expect(draw({ scopes: SCOPES }, { width: 50 })).toMatchInlineSnapshot(`
    "  KIND         NAME    USAGE                  USED
      user         ana     █░░░░░░░░  12.0 %  12.0 MiB
      query        q-17    ████████░  96.0 %   9.6 MiB
      transaction  t-3     ████████░  85.0 %   8.5 MiB
      procedure    median           no limit   2.4 MiB
      query        q-18             no limit       0 B"
  `);
});

test('what they are in order by is never left out', () => {
  expect(draw({ scopes: SCOPES }, { width: 50 }, 'used')).not.toContain('PEAK');
  expect(draw({ scopes: SCOPES }, { width: 50 }, 'peak')).toMatch(/ PEAK.*\n[^]*median .* 7\.0 MiB/);
  expect(draw({ scopes: SCOPES }, { width: 50 }, 'age')).toMatch(/ AGE\n[^]*ana .* 15m$/m);
});

test('columns with nothing in them are not there', () => {
  expect(draw({ scopes: [scope('q-1', 3)] })).toMatchInlineSnapshot(`
    "  KIND   NAME     USED     PEAK  AGE
      query  q-1   3.0 MiB  3.0 MiB  12s"
  `);
});

test('usage has the colour of its level', async () => {
  const theme = await loadTheme(true);
  const colored = draw({ scopes: SCOPES }, { theme });
  expect(colored).toMatch(new RegExp(`${ESCAPE}\\[31m█+░* +96\\.0 %`));
  expect(colored).toMatch(new RegExp(`${ESCAPE}\\[33m█+░* +85\\.0 %`));
  expect(stripVTControlCharacters(colored)).toBe(draw({ scopes: SCOPES }));
});

test.each([
  [6, 'and 1 more; `--scopes 50` shows them'],
  [51, 'and 46 more; `--scopes 100` shows them'],
  [1000, 'and 995 more; `--scopes 1000` shows them'],
  [12_000, 'and 11995 more; `--scopes 1000` shows the first 1000'],
])('of %i open the rest is counted, with what shows it', (scopeCount, line) => {
  expect(draw({ scopes: SCOPES, scopeCount })).toMatch(new RegExp(`\n  ${line}$`));
});

test('all there are need no more said', () => {
  expect(draw({ scopes: SCOPES, scopeCount: 5 })).not.toContain('more');
});

test('none is said to who asked, of a process that could have some', () => {
  expect(draw({ scopes: [] })).toBe('');
  expect(draw({ scopes: [] }, {}, 'used')).toBe('  No scopes: no query, transaction, user or procedure is open.');
  expect(draw({ scopes: [], managers: [] }, {}, 'used')).toBe('');
});

test('of several managers each scope has its own', () => {
  const manager = { limitBytes: null, usedBytes: 0, usedPercent: null, level: 'normal' as const, unrecorded: 0, watchedOneIn: 1 };
  const managers = ['orders-api', 'beta'].map((name) => ({ ...manager, name }));
  expect(draw({ managers, scopes: [scope('q-1', 1, { manager: 'beta' })] })).toContain('beta / q-1');
}); // prettier-ignore

test('they stand below the pools', () => {
  const processes = STATS.processes.map((found) => ({ ...found, scopes: SCOPES }));
  expect(renderStats({ ...STATS, processes }, AT_80)).toMatch(/ {2}total [^]*\n\n {2}KIND [^]*\n\n {2}process /);
});

test('names of scopes cannot steer the terminal', () => {
  expect(draw({ scopes: [scope('q\u001b[2J', 1, { user: 'a\nb' })] })).toMatch(/q\?\[2J .*a\?b/);
});
