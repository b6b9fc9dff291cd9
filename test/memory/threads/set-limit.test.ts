import { describe, expect, test } from 'vitest';
import type { MemoryManager } from '../../../src/memory/manager.ts';
import { isGranted, makeManager } from '../make-manager.ts';
import { audit } from './audit.ts';
import { joinSide, makeSides, turnEnds } from './sides.ts';

const KIB = 1024;
const MIB = 1024 * KIB;

function fits(memory: MemoryManager, pool: string, bytes: number): boolean {
  return isGranted(memory.pool(pool).reserve(bytes, { tag: 'x' }));
}

/** Each account that can have a limit, as a side sees it. */
const ACCOUNTS = [
  ['a pool', (side: MemoryManager) => side.pool('p')],
  ['the manager', (side: MemoryManager) => side],
  ['a user', (side: MemoryManager) => side.openUser('ana')],
] as const;

describe.each(ACCOUNTS)('the limit of %s', (_, accountOf) => {
  function make() {
    const { memory, other, third, clock } = makeSides({ pools: { p: {} } });
    const sides = [memory, other, third].map((side) => ({ side, account: accountOf(side) }));
    const [one, two] = sides;
    if (one === undefined || two === undefined) throw new Error('no sides');
    const take = ({ side, account }: typeof one, bytes: number): { free(): void } | undefined => {
      const reserve = () => side.pool('p').reserve(bytes, { tag: 'x' });
      return 'run' in account ? account.run(reserve) : reserve();
    };
    return { one, two, sides, take, clock };
  }

  test('set by one thread is seen by all', async () => {
    const { one, two, sides } = make();
    await one.side.setLimit(one.account, 5000);
    expect(sides.map(({ account }) => account.limitBytes)).toEqual([5000, 5000, 5000]);
    await two.side.setLimit(two.account, '1MiB');
    expect(sides.map(({ account }) => account.limitBytes)).toEqual([MIB, MIB, MIB]);
    await two.side.setLimit(two.account, undefined);
    expect(sides.map(({ account }) => account.limitBytes)).toEqual([Infinity, Infinity, Infinity]);
  });

  test('lowered below what is used grants nothing more, not even what another thread had drawn in advance', async () => {
    const { one, two, sides, take } = make();
    await one.side.setLimit(one.account, 10 * MIB);
    const held = take(two, 1000);
    // In the middle of the other thread's turn.
    await one.side.setLimit(one.account, 500);
    expect(sides.map((each) => isGranted(take(each, 1)))).toEqual([false, false, false]);
    held?.free();
    await turnEnds();
    expect(isGranted(take(two, 501))).toBe(false);
    expect(isGranted(take(one, 500))).toBe(true);
  });

  test('set where there was none holds for what an idle thread had drawn: all of it is to be had a second later', async () => {
    const { one, two, sides, take, clock } = make();
    expect(isGranted(take(two, 1))).toBe(true);
    await turnEnds();
    await one.side.setLimit(one.account, 10 * MIB);
    clock.advance(1);
    expect(isGranted(take(one, 10 * MIB - 1))).toBe(true);
    await turnEnds();
    expect(sides.map((each) => isGranted(take(each, 1)))).toEqual([false, false, false]);
    expect(audit(sides.map(({ side }) => side)).problems).toEqual([]);
  });

  test('raised is there for all at once, and taken away again holds at once', async () => {
    const { one, two, take } = make();
    await one.side.setLimit(one.account, 1000);
    expect(isGranted(take(two, 1000))).toBe(true);
    expect(isGranted(take(two, 1))).toBe(false);
    await one.side.setLimit(one.account, undefined);
    expect(isGranted(take(two, 100 * MIB))).toBe(true);
    await turnEnds();
    await one.side.setLimit(one.account, 200 * MIB);
    await turnEnds();
    expect(isGranted(take(two, 100 * MIB))).toBe(false);
    expect(isGranted(take(two, 100 * MIB - 1000))).toBe(true);
  });
});

test('a lowered limit lets what is held go, and then holds', async () => {
  const { memory, other } = makeSides({ pools: { p: { limit: 10 * MIB } } });
  const held = Array.from({ length: 100 }, (_, index) =>
    (index % 2 === 0 ? memory : other).pool('p').reserveOrThrow(64 * KIB, { tag: 'x' }),
  );
  await turnEnds();
  await memory.setLimit(memory.pool('p'), MIB);
  for (const one of held) {
    expect(fits(other, 'p', 1) && memory.pool('p').usedBytes > MIB).toBe(false);
    one.free();
  }
  await turnEnds();
  const { usedBytes } = memory.pool('p');
  expect(fits(memory, 'p', MIB - usedBytes + 1)).toBe(false);
  expect(fits(memory, 'p', MIB - usedBytes)).toBe(true);
});

test('a user’s limit from before the manager was shared is one for all threads', async () => {
  const { memory, clock } = makeManager();
  const ana = memory.openUser('ana', { limit: 1000 });
  ana.run(() => memory.pool('cache').reserveOrThrow(900));
  const other = joinSide(memory, clock);
  await turnEnds();
  expect(ana.limitBytes).toBe(1000);
  expect(isGranted(ana.run(() => memory.pool('cache').reserve(101)))).toBe(false);
  const there = other.openUser('ana');
  expect(there.limitBytes).toBe(1000);
  expect(there.usedBytes).toBe(900);
  expect(isGranted(there.run(() => other.pool('cache').reserve(101)))).toBe(false);
});
