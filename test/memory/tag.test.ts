import { describe, expect, test } from 'vitest';
import { codeOf, makeManager, poolStats, wrong } from './make-manager.ts';

function makePool() {
  const { memory, clock } = makeManager({ pools: { small: { limit: 1000 } } });
  return { memory, clock, pool: memory.pool('small') };
}

describe('a tag', () => {
  test.each([5, null, {}, Symbol('tag'), ['a'], Object.create(null)])(
    'that is no text (%#) is refused with MEMTOOL_INVALID_OPTION and leaves no trace',
    (tag) => {
      const { memory, pool } = makePool();
      const before = poolStats(memory, 'small');
      expect(codeOf(() => pool.reserve(1, { tag: wrong(tag) }))).toBe('MEMTOOL_INVALID_OPTION');
      expect(codeOf(() => pool.allocate(1, { tag: wrong(tag) }))).toBe('MEMTOOL_INVALID_OPTION');
      expect(poolStats(memory, 'small')).toEqual(before);
    },
  );

  test('that is empty counts as none, one that is too long is cut at a whole character', () => {
    const { memory, clock, pool } = makePool();
    pool.reserveOrThrow(2, { tag: '' });
    pool.reserveOrThrow(1, { tag: 'ж'.repeat(200) });
    clock.advance(2);
    const [none, long] = memory.leaks({ ageSeconds: 1 }).leaks;
    expect(none?.tag).toBeNull();
    expect(long?.tag).toMatch(/^ж{20,199}$/);
  });

  test('beyond the bound of the table is charged all the same, and shown as (other tags)', () => {
    const { memory, clock, pool } = makePool();
    for (let tag = 0; tag < 4200; tag += 1) pool.reserveOrThrow(1, { tag: `tag ${tag}` }).free();
    const last = pool.reserveOrThrow(3, { tag: 'tag 4199' });
    pool.reserveOrThrow(2, { tag: 'tag 7' });
    clock.advance(2);
    expect(memory.leaks({ ageSeconds: 1 }).leaks.map(({ tag, bytes }) => [tag, bytes])).toEqual([
      ['(other tags)', 3],
      ['tag 7', 2],
    ]);
    last.free();
    expect(() => last.free()).toThrowError(/other tags/);
  });
});
