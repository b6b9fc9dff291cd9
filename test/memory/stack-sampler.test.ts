import { expect, test } from 'vitest';
import type { MemoryPool } from '../../src/memory/pool.ts';
import { makeManager } from './make-manager.ts';

const LARGE = 1024 ** 3;

function reserveManyRows(pool: MemoryPool) {
  return pool.reserveOrThrow(LARGE);
}

function allocateOnePage(pool: MemoryPool) {
  return pool.allocateOrThrow(LARGE);
}

function makePool() {
  const { memory, clock } = makeManager({ pools: { big: {} } });
  return { memory, clock, pool: memory.pool('big') };
}

test.each([
  ['reservation', reserveManyRows],
  ['allocation', allocateOnePage],
])('a large %s without a tag has a stack, whose first frame is the function that asked', (_, ask) => {
  const { memory, clock, pool } = makePool();
  const held = ask(pool);
  clock.advance(2);
  const [leak] = memory.leaks({ ageSeconds: 1 }).leaks;
  expect(leak).toMatchObject({ tag: null, bytes: LARGE });
  expect(leak?.stack[0]).toMatch(new RegExp(`^${ask.name} \\(.*stack-sampler.test.ts:\\d+:\\d+\\)$`));
  expect(held.isHeld).toBe(true);
});

test('what has a tag, or was freed, has no stack, and a record that is used again does not inherit one', () => {
  const { memory, clock, pool } = makePool();
  reserveManyRows(pool).free();
  const small = pool.reserveOrThrow(1, { tag: 'small' });
  const tagged = pool.reserveOrThrow(LARGE, { tag: 'large' });
  clock.advance(2);
  expect(memory.leaks({ ageSeconds: 1 }).leaks.map(({ tag, stack }) => [tag, stack])).toEqual([
    ['large', []],
    ['small', []],
  ]);
  expect([small.isHeld, tagged.isHeld]).toEqual([true, true]);
});

test("the application's own Error.prepareStackTrace and stackTraceLimit are left as they were, whatever they do", () => {
  const { memory, clock, pool } = makePool();
  const before = Object.getOwnPropertyDescriptors(Error);
  try {
    Error.stackTraceLimit = 3;
    Error.prepareStackTrace = () => {
      throw new Error('mine');
    };
    reserveManyRows(pool);
    expect(Error.stackTraceLimit).toBe(3);
    clock.advance(2);
    expect(memory.leaks({ ageSeconds: 1 }).totals.bytes).toBe(LARGE);
  } finally {
    Reflect.deleteProperty(Error, 'prepareStackTrace');
    Object.defineProperties(Error, before);
  }
});
