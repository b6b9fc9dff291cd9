import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { HEADROOM_BASE_BYTES } from '../../../src/budget/plan/headroom.ts';
import { judgePlan } from '../../../src/budget/plan/judge-plan.ts';
import { readPlan } from '../../../src/budget/plan/read-plan.ts';
import type { BudgetReport, PlannedLimit } from '../../../src/report/budget.ts';

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;

function judgeFile(name: string): BudgetReport {
  const text = readFileSync(new URL(`../../fixtures/plans/${name}`, import.meta.url), 'utf8');
  return judgePlan(readPlan(text, name), name);
}

function judge(plan: object): BudgetReport {
  return judgePlan(readPlan(JSON.stringify({ memtoolPlan: 1, ...plan }), 'plan.json'), 'plan.json');
}

function inCache(bytes: number): BudgetReport {
  return judge({
    limits: { pools: { cache: 1000 } },
    components: [{ name: 'a', unitSize: bytes, where: 'pool:cache' }],
  });
}

function headroom(where: string): number {
  return judge({ components: [{ name: 'a', unitSize: '1000MiB', where }] }).headroomBytes;
}

function withLimits(container: string, heap: string): BudgetReport {
  return judge({
    limits: { container, heap, pools: { cache: '200MiB' } },
    components: [
      { name: 'pages', unitSize: '10MiB', where: 'pool:cache' },
      { name: 'sessions', unitSize: '50MiB', where: 'heap' },
    ],
  });
}

function limitOf({ limits }: BudgetReport, name: string): PlannedLimit {
  const found = limits.find((one) => one.name === name);
  if (!found) throw new Error(`no limit ${name}`);
  return found;
}

describe('published cases', () => {
  test('50 column families, 3 write buffers of 64 MiB and 8 MiB of block cache each: 10 GB', () => {
    const report = judgeFile('column-families.json');
    // 50 x (3 x 64 + 8) MiB = 10,000 MiB, which is 10.49 GB or 9.77 GiB: "10 GB" is rounded.
    expect(report.plannedBytes).toBe(10_000 * MIB);
    expect(
      report.components.map(({ name, bytes, sharePercent, halvingSavesBytes }) => [
        name,
        bytes,
        sharePercent,
        halvingSavesBytes,
      ]),
    ).toEqual([
      ['write buffers', 9600 * MIB, 96, 4800 * MIB],
      ['block cache', 400 * MIB, 4, 200 * MIB],
    ]);
    expect(report.counts).toEqual([{ name: 'families', count: 50, halfCount: 25, halvingSavesBytes: 5000 * MIB }]);
    expect(report).toMatchObject({ isOver: true, level: 'critical' });
    expect(limitOf(report, 'container')).toMatchObject({
      usedBytes: 10_000 * MIB + HEADROOM_BASE_BYTES,
      overBytes: 10_000 * MIB + HEADROOM_BASE_BYTES - 1536 * MIB,
      bestSaving: { kind: 'count', name: 'families', savedBytes: 5000 * MIB, isEnough: false },
    });
  });

  test('brought to 1 GiB by fewer and smaller buffers and one cache for all', () => {
    const report = judgeFile('column-families-smaller.json');
    expect(report.plannedBytes).toBe(GIB);
    expect(report).toMatchObject({ isOver: false, level: 'normal' });
    expect(limitOf(report, 'container').bestSaving).toBeNull();
  });

  test('1,000 column families of 16 MB each against 3 that all share: 16 GB and 48 MB', () => {
    const each = judgeFile('buffers-each.json');
    const shared = judgeFile('buffers-shared.json');
    expect([each.plannedBytes, shared.plannedBytes]).toEqual([16e9, 48e6]);
    expect([each.isOver, shared.isOver]).toEqual([true, false]);
    // More families cost nothing more.
    expect(shared.counts).toEqual([{ name: 'families', count: 1000, halfCount: 500, halvingSavesBytes: 0 }]);
    expect(shared.components[0]).toMatchObject({ units: 3, sharedBy: { name: 'families', count: 1000 } });
  });

  test('connections, subscriptions, pools and threads of a service', () => {
    const report = judgeFile('orders.json');
    expect(limitOf(report, 'heap').usedBytes).toBe(5000 * 96 * 1024 + 200 * 2000 * 1024 + 500 * 40 * 1024);
    expect(limitOf(report, 'cache').usedBytes).toBe(250 * MIB);
    expect(limitOf(report, 'query').usedBytes).toBe(500 * 40 * 1024);
    expect(report.isOver).toBe(false);
    expect(report.level).toBe('critical');
  });
});

describe('limits', () => {
  test('what is exactly full is not over, one byte more is', () => {
    expect(inCache(1000)).toMatchObject({ isOver: false, level: 'critical' });
    expect(limitOf(inCache(1001), 'cache').overBytes).toBe(1);
    expect(inCache(1001).isOver).toBe(true);
  });

  test('a pool that accounts for objects of the heap counts in both, and once in the container', () => {
    const report = judge({
      limits: { container: '1GiB', heap: '512MiB', headroom: '100MiB', pools: { rows: '200MiB' } },
      components: [
        { name: 'rows', unitSize: '150MiB', where: 'pool:rows', onHeap: true },
        { name: 'state', unitSize: '50MiB', where: 'heap' },
      ],
    });
    expect(limitOf(report, 'rows').usedBytes).toBe(150 * MIB);
    expect(limitOf(report, 'heap').usedBytes).toBe(200 * MIB);
    expect(limitOf(report, 'container')).toMatchObject({ usedBytes: 300 * MIB, headroomBytes: 100 * MIB });
  });

  test('the head-room grows with the heap, and with nothing else', () => {
    expect(headroom('heap')).toBe(HEADROOM_BASE_BYTES + 100 * MIB);
    expect(headroom('external')).toBe(HEADROOM_BASE_BYTES);
  });

  test('a limit that nothing is measured against is not there; a pool without one is listed and never over', () => {
    const report = judge({
      limits: { pools: { native: null } },
      components: [{ name: 'a', unitSize: '9GiB', where: 'pool:native' }],
    });
    expect(report).toMatchObject({ isOver: false, level: 'normal' });
    expect(report.limits.map(({ kind, name, limitBytes }) => [kind, name, limitBytes])).toEqual([
      ['pool', 'native', null],
      ['container', 'container', null],
    ]);
  });

  test('what helps one limit most need not be what is largest', () => {
    const report = judge({
      limits: { heap: '100MiB' },
      counts: { sessions: 3000 },
      components: [
        { name: 'files', unitSize: '9GiB' },
        { name: 'sessions', per: 'sessions', unitSize: '50KiB', where: 'heap' },
        { name: 'index', unitSize: '20MiB', where: 'heap' },
      ],
    });
    expect(limitOf(report, 'heap').bestSaving).toEqual({
      kind: 'count',
      name: 'sessions',
      savedBytes: 1500 * 50 * 1024,
      isEnough: true,
    });
  });
});

describe('limits that are wider than the container', () => {
  test('are warned of, with a heap limit that would fit', () => {
    const { isOver, warnings } = withLimits('512MiB', '4GiB');
    expect(isOver).toBe(false);
    // 512 less 200 of the pool and 96 of head-room.
    expect(warnings).toEqual([expect.stringContaining('A heap limit of 216.0 MiB would fit.')]);
  });

  test('are told to be lowered where no heap limit helps', () => {
    expect(withLimits('320MiB', '4GiB').warnings).toEqual([expect.stringContaining('Lower the limits of the pools')]);
  });

  test('count what a pool has on the heap once, with the heap', () => {
    const { warnings } = judge({
      limits: { container: '850MiB', heap: '700MiB', headroom: '100MiB', pools: { rows: '200MiB' } },
      components: [{ name: 'rows', unitSize: '150MiB', where: 'pool:rows', onHeap: true }],
    });
    // 700 of the heap, 50 that the pool may still have elsewhere, 100 of head-room.
    expect(warnings).toBeUndefined();
  });

  test('are no matter when they fit, or when the plan itself does not', () => {
    expect(withLimits('512MiB', '216MiB').warnings).toBeUndefined();
    expect(withLimits('100MiB', '4GiB')).toMatchObject({ isOver: true });
    expect(withLimits('100MiB', '4GiB').warnings).toBeUndefined();
  });
});

test('for any plan: components add up, what a halving saves is what the halved plan lacks', () => {
  const component = fc.record({
    count: fc.nat(50),
    unitSize: fc.nat(1_000_000),
    per: fc.subarray(['n', 'm']),
    where: fc.constantFrom('heap', 'external', 'pool:p'),
  });
  const plans = fc.record({
    components: fc.array(component, { minLength: 1, maxLength: 6 }),
    n: fc.nat(40),
    m: fc.nat(40),
  });
  fc.assert(
    fc.property(plans, ({ components, n, m }) => {
      const whole = (changes: { n?: number; halved?: number } = {}): BudgetReport =>
        judge({
          limits: { container: '1MiB', heap: '1MiB', pools: { p: '1MiB' } },
          counts: { n: changes.n ?? n, m },
          components: components.map((one, index) => ({
            ...one,
            name: `c${index}`,
            unitSize: changes.halved === index ? Math.ceil(one.unitSize / 2) : one.unitSize,
          })),
        });
      const report = whole();
      expect(report.components.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(report.plannedBytes);
      const halfN = whole({ n: Math.ceil(n / 2) }).plannedBytes;
      expect(report.counts.find(({ name }) => name === 'n')?.halvingSavesBytes).toBe(report.plannedBytes - halfN);
      for (const index of components.keys()) {
        const saved = report.plannedBytes - whole({ halved: index }).plannedBytes;
        expect(report.components.find(({ name }) => name === `c${index}`)?.halvingSavesBytes).toBe(saved);
      }
      expect(report.isOver).toBe(report.limits.some(({ usedBytes }) => usedBytes > MIB));
    }),
    { numRuns: 60 },
  );
});
