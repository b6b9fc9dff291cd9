import { describe, expect, test } from 'vitest';
import { readPlan } from '../../../src/budget/plan/read-plan.ts';
import { MemtoolError } from '../../../src/errors.ts';

const COMPONENT = { name: 'a', unitSize: 1 };

function failureOf(text: string): MemtoolError {
  try {
    readPlan(text, 'plan.json');
  } catch (error) {
    if (error instanceof MemtoolError) return error;
    throw error;
  }
  throw new Error('it was read');
}

function failureWith(changes: object): MemtoolError {
  return failureOf(JSON.stringify({ memtoolPlan: 1, components: [COMPONENT], ...changes }));
}

function failureIn(component: object, rest: object = {}): MemtoolError {
  return failureWith({ components: [COMPONENT, { name: 'b', unitSize: 1, ...component }], ...rest });
}

test('everything that a plan may have', () => {
  const plan = readPlan(
    JSON.stringify({
      memtoolPlan: 1,
      name: 'store',
      limits: { container: '2GiB', heap: '1GB', headroom: 0, pools: { cache: '100MiB', native: null } },
      counts: { families: 50, shards: 2 },
      components: [
        { name: 'buffers', count: 3, per: ['families', 'shards'], unitSize: '64MiB', where: 'external' },
        { name: 'sessions', per: 'shards', unitSize: '1.5KiB', where: 'heap' },
        { name: 'pages', sharedBy: 'families', unitSize: 4096, where: 'pool:cache' },
        { name: 'rows', unitSize: '1KiB', where: 'pool:native', onHeap: true },
      ],
    }),
    'plan.json',
  );
  expect(plan).toEqual({
    name: 'store',
    limits: {
      containerBytes: 2 * 1024 ** 3,
      heapBytes: 1e9,
      headroomBytes: 0,
      pools: new Map([
        ['cache', 100 * 1024 ** 2],
        ['native', undefined],
      ]),
    },
    counts: new Map([
      ['families', 50],
      ['shards', 2],
    ]),
    components: [
      {
        name: 'buffers',
        count: 3,
        unitBytes: 64 * 1024 ** 2,
        per: ['families', 'shards'],
        sharedBy: undefined,
        pool: undefined,
        onHeap: false,
      },
      {
        name: 'sessions',
        count: 1,
        unitBytes: 1536,
        per: ['shards'],
        sharedBy: undefined,
        pool: undefined,
        onHeap: true,
      },
      { name: 'pages', count: 1, unitBytes: 4096, per: [], sharedBy: 'families', pool: 'cache', onHeap: false },
      { name: 'rows', count: 1, unitBytes: 1024, per: [], sharedBy: undefined, pool: 'native', onHeap: true },
    ],
  });
});

describe('what is wrong is told by its place in the file', () => {
  test.each<[object, string]>([
    [{ memtoolPlan: 2 }, 'plan.json: memtoolPlan is 2, which this memtool cannot read.'],
    [{ memtoolPlan: undefined }, 'plan.json: memtoolPlan is missing.'],
    [{ limit: {} }, 'plan.json: limit is not known.'],
    [{ name: 7 }, 'plan.json: name is 7, which is no name.'],
    [{ limits: [] }, 'plan.json: limits is [], which is no object.'],
    [{ limits: { container: 0 } }, 'plan.json: limits.container is 0, into which nothing fits.'],
    [{ limits: { heap: '1 GiBB' } }, 'plan.json: limits.heap is "1 GiBB", which is no number of bytes.'],
    [
      { limits: { pools: { 'my cache': -1 } } },
      'plan.json: limits.pools["my cache"] is -1, which is no number of bytes.',
    ],
    [{ counts: { families: 1.5 } }, 'plan.json: counts.families is 1.5, which is no count.'],
    [{ components: {} }, 'plan.json: components is {}, which is no list.'],
    [{ components: [] }, 'plan.json: components is [], which is empty.'],
    [{ components: undefined }, 'plan.json: components is missing.'],
    [{ components: [7] }, 'plan.json: components[0] is 7, which is no object.'],
  ])('%j', (changes, message) => {
    expect(failureWith(changes)).toMatchObject({ code: 'MEMTOOL_BAD_PLAN', message, hint: expect.any(String) });
  });

  test.each<[object, string]>([
    [{ unitSize: '64 Mib x' }, 'components[1].unitSize is "64 Mib x", which is no number of bytes.'],
    [{ unitSize: undefined }, 'components[1].unitSize is missing.'],
    [{ unitsize: 1 }, 'components[1].unitsize is not known.'],
    [{ name: '' }, 'components[1].name is "", which is no name.'],
    [{ name: 'a' }, 'components[1] has the name of components[0].'],
    [{ count: '3' }, 'components[1].count is "3", which is no count.'],
    [{ count: -1 }, 'components[1].count is -1, which is no count.'],
    [{ per: 'families' }, 'components[1].per is "families", which is none of the counts.'],
    [{ per: ['n', 'm'] }, 'components[1].per[1] is "m", which is none of the counts.'],
    [{ per: ['n', 'n'] }, 'components[1].per is ["n","n"], which has a name twice.'],
    [{ sharedBy: 'm' }, 'components[1].sharedBy is "m", which is none of the counts.'],
    [{ per: 'n', sharedBy: 'n' }, 'components[1] has both per and sharedBy.'],
    [{ where: 'stack' }, 'components[1].where is "stack", which is no place.'],
    [{ where: 'pool:cahce' }, 'components[1].where is "pool:cahce", which is none of the pools.'],
    [{ where: 'pool:cache', onHeap: 'yes' }, 'components[1].onHeap is "yes", which is neither true nor false.'],
    [{ onHeap: true }, 'components[1].onHeap is only for what is in a pool.'],
    [{ count: 2 ** 40, unitSize: '1GiB' }, 'With components[1] it comes to more than 2^53 - 1 bytes.'],
  ])('%j', (component, message) => {
    const error = failureIn(component, { counts: { n: 2 }, limits: { pools: { cache: '1MiB' } } });
    expect(error).toMatchObject({
      code: 'MEMTOOL_BAD_PLAN',
      message: `plan.json: ${message}`,
      hint: expect.any(String),
    });
  });

  test.each([
    ['{\n  "memtoolPlan": 1\n  "components": []\n}', /line 3 column 3\)\.$/],
    ['{\n  "memtoolPlan": 1,\n  "components": [,]\n}', /"onents": \[,\] }" is not valid JSON\.$/],
    ['', /end of JSON input\.$/],
  ])('a file that is no JSON: %j', (text, place) => {
    const error = failureOf(text);
    expect(error.code).toBe('MEMTOOL_BAD_PLAN');
    expect(error.message).toMatch(/^plan\.json is no JSON: /);
    expect(error.message).toMatch(place);
  });

  test('names that objects have of their own are names like others', () => {
    const text =
      '{"memtoolPlan":1,"counts":{"__proto__":3,"constructor":2},"components":[{"name":"toString","unitSize":5,"per":["__proto__","constructor"]}]}';
    expect(readPlan(text, 'plan.json').counts.get('__proto__')).toBe(3);
    expect(failureIn({ per: 'toString' }).message).toContain('none of the counts');
  });
});
