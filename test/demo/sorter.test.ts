import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { sortPositions, topPositions } from '../../src/demo/sorter.ts';
import { isRefusal } from '../../src/demo/working-memory.ts';
import { Workspace } from '../../src/demo/workspace.ts';
import { testPools } from './pools.ts';

const keys = (options: { minLength?: number; maxLength: number }): fc.Arbitrary<Float64Array> =>
  fc.array(fc.integer({ min: -20, max: 20 }), { ...options, size: 'max' }).map((values) => Float64Array.from(values));

function stable(values: Float64Array): number[] {
  return [...values.keys()].toSorted((a, b) => (values[a] ?? 0) - (values[b] ?? 0) || a - b);
}

test('positions come in ascending and stable order, with scratch for all, for some, or for the shortest runs only', () => {
  const temp = fc.constantFrom(4 * 1024 + 64, 10_000, 20_000, 1_000_000);
  fc.assert(
    fc.property(keys({ minLength: 0, maxLength: 5000 }), temp, (values, limit) => {
      const { memory, used } = testPools({ temp: limit });
      {
        using workspace = new Workspace(memory.query);
        expect([...sortPositions(values, workspace, memory.temp)]).toEqual(stable(values));
      }
      expect(used()).toEqual({ query: 0, cache: 0, temp: 0 });
    }),
  );
});

test('without scratch for the shortest run a sort is refused, and holds nothing', () => {
  const { memory, used } = testPools({ temp: 1000 });
  const sort = (): Int32Array => {
    using workspace = new Workspace(memory.query);
    return sortPositions(new Float64Array(5000), workspace, memory.temp);
  };
  let refusal: unknown;
  try {
    sort();
  } catch (error) {
    refusal = error;
  }
  expect(isRefusal(refusal)).toBe(true);
  expect(used()).toEqual({ query: 0, cache: 0, temp: 0 });
});

test('the top positions are the first of all, with memory for those only', () => {
  fc.assert(
    fc.property(keys({ maxLength: 300 }), fc.nat(40), (values, count) => {
      const { memory, used } = testPools();
      using workspace = new Workspace(memory.query);
      expect([...topPositions(values, count, workspace)]).toEqual(stable(values).slice(0, count));
      expect(used()['query']).toBe(2 * 4 * Math.min(count, values.length));
    }),
  );
});
