import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { joinProcesses } from '../../src/metrics/processes.ts';
import { parseText, renderText } from '../../src/metrics/text.ts';
import type { MetricFamily } from '../../src/report/metrics.ts';
import { readFamilies } from '../../src/metrics/table.ts';
import { FACTS } from './facts.ts';

test('what was written is read back, whatever stands in labels', () => {
  const name = fc.string({ unit: fc.constantFrom('a', 'b', 'c', '_'), minLength: 1, maxLength: 6 });
  const awkward = fc.string({ unit: fc.constantFrom('"', '\\', '\n', 'n', ',', '=', '{', '}', ' '), maxLength: 8 });
  const labelText = fc.oneof(fc.string({ unit: 'binary', maxLength: 8 }), awkward);
  const family = fc.record({
    name,
    type: fc.constantFrom('gauge' as const, 'counter' as const),
    help: fc.string({ minLength: 1, maxLength: 8, unit: 'binary' }),
    samples: fc.uniqueArray(
      fc.record({
        labels: fc.dictionary(name, labelText, { noNullPrototype: true, maxKeys: 4 }),
        value: fc.oneof(fc.nat(), fc.double({ noNaN: true, noDefaultInfinity: true })).map((value) => value + 0),
      }),
      { minLength: 1, maxLength: 4, selector: ({ labels }) => JSON.stringify(labels) },
    ),
  });
  fc.assert(
    fc.property(fc.uniqueArray(family, { maxLength: 4, selector: (one) => one.name }), (families: MetricFamily[]) => {
      expect(parseText(renderText(families))).toEqual(families);
    }),
  );
});

test('what is not in the format is refused', () => {
  const bad = [
    'hello',
    'a{b="c"} x',
    'a{b="c} 1',
    'a{b="c"x="y"} 1',
    'a{b="\\q"} 1',
    'a NaN',
    'a 1 2',
    '# TYPE a histogram',
    '<html>',
    '{"error":1}',
    'a{b="c"} 1\na{b="c"} 2',
  ];
  for (const text of bad) expect(parseText(`${text}\n`), text).toBeUndefined();
  expect(parseText('')).toEqual([]);
});

test('several processes become one exposition, each series with the pid and name of its own', () => {
  const metrics = readFamilies(FACTS);
  const text = renderText(
    joinProcesses([
      { pid: 1, name: 'a', metrics },
      { pid: 2, name: 'b"', metrics },
      { pid: 3, name: 'c', metrics: undefined },
    ]),
  );
  expect(text).toContain('memtool_processes 3\n');
  expect(text).toContain(
    'memtool_up{pid="1",name="a"} 1\nmemtool_up{pid="2",name="b\\""} 1\nmemtool_up{pid="3",name="c"} 0\n',
  );
  expect(text).toContain(
    'memtool_pool_used_bytes{pid="1",name="a",manager="orders",pool="cache"} 10\nmemtool_pool_used_bytes{pid="2",name="b\\"",manager="orders",pool="cache"} 10\n',
  );
  expect(text.match(/^# TYPE memtool_pool_used_bytes /gm)).toHaveLength(1);
  expect(parseText(text)).toBeDefined();
});

test('a process does not speak for another', () => {
  const forged: MetricFamily = {
    name: 'memtool_level',
    type: 'gauge',
    help: 'x',
    samples: [{ labels: { pid: '1', name: 'a' }, value: 2 }],
  };
  const [, , family] = joinProcesses([{ pid: 2, name: 'b', metrics: [forged] }]);
  expect(family?.samples).toEqual([{ labels: { pid: '2', name: 'b' }, value: 2 }]);
});
