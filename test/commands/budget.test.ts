import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { containerLimitBytes } from '../../src/inspect/container.ts';
import type { BudgetReport } from '../../src/report/budget.ts';
import type { ErrorReport } from '../../src/report/document.ts';
import { freshDirectory, json, memtool, type Outcome } from './memtool.ts';

const GIB = 1024 ** 3;

function plan(name: string): string {
  return fileURLToPath(new URL(`../fixtures/plans/${name}`, import.meta.url));
}

function budget(...words: string[]): Promise<Outcome> {
  return memtool(['budget', ...words], freshDirectory());
}

test.each([
  ['column-families.json', 1, 'over'],
  ['column-families-smaller.json', 0, 'fits'],
  ['buffers-each.json', 1, 'over'],
  ['buffers-shared.json', 0, 'fits'],
  ['orders.json', 0, 'fits'],
])('%s exits %i', async (name, exitCode, verdict) => {
  const outcome = await budget(plan(name));
  expect(outcome).toMatchObject({ stderr: '', exitCode });
  expect(outcome.stdout.split('\n')[0]).toMatch(new RegExp(`  ${verdict}$`));
});

test('the options override the limits in the file', async () => {
  const outcome = await budget(plan('orders.json'), '--container', '1GiB', '--heap', '100MiB', '--json');
  expect(outcome).toMatchObject({ stderr: '', exitCode: 1 });
  const { command, isOver, limits } = json<BudgetReport>(outcome);
  expect({ command, isOver }).toEqual({ command: 'budget', isOver: true });
  expect(limits.map(({ name, limitBytes }) => [name, limitBytes])).toContainEqual(['container', GIB]);
  expect(limits.map(({ name, limitBytes }) => [name, limitBytes])).toContainEqual(['heap', 100 * 1024 ** 2]);
  expect((await budget(plan('column-families.json'), '--container', '16GiB')).exitCode).toBe(0);
});

test('--container auto takes the limit of the group that memtool runs in, or says that there is none', async () => {
  const outcome = await budget(plan('buffers-shared.json'), '--container', 'auto', '--json');
  const limitBytes = containerLimitBytes(process.pid);
  if (limitBytes === undefined) {
    expect(outcome.exitCode).toBe(2);
    expect(json<ErrorReport>(outcome).error.code).toBe('MEMTOOL_UNAVAILABLE');
  } else {
    expect(json<BudgetReport>(outcome).limits).toMatchObject([{ name: 'container', limitBytes }]);
  }
});

test.each([
  [['--container', '0'], 'MEMTOOL_INVALID_OPTION'],
  [['--heap', 'much'], 'MEMTOOL_INVALID_OPTION'],
])('%j is refused', async (words, code) => {
  const outcome = await budget(plan('orders.json'), ...words, '--json');
  expect(outcome).toMatchObject({ stderr: '', exitCode: 2 });
  expect(json<ErrorReport>(outcome).error.code).toBe(code);
});

test('what is wrong with the file is told by its place', async () => {
  const file = join(freshDirectory(), 'plan.json');
  writeFileSync(file, '{"memtoolPlan":1,"components":[{"name":"a","unitSize":"64 Mibs"}]}');
  expect(await memtool(['budget', file], freshDirectory(), { COLUMNS: '200' })).toEqual({
    stdout: '',
    stderr: `memtool: ${file}: components[0].unitSize is "64 Mibs", which is no number of bytes.\n  Give whole bytes, or a text such as '64MiB' or '50MB'.\n`,
    exitCode: 2,
  });
});

test('a file that is not there, none at all, and a directory', async () => {
  for (const words of [['missing.json'], [freshDirectory()]]) {
    const outcome = await budget(...words, '--json');
    expect(outcome.exitCode).toBe(2);
    expect(json<ErrorReport>(outcome).error.code).toBe('MEMTOOL_CANNOT_READ');
  }
  expect((await budget()).stderr).toContain("Missing required argument 'plan.json'");
});
