import { describe, expect, test } from 'vitest';
import { byWorth, diagnose } from '../../src/doctor/diagnose.ts';
import { finding } from '../../src/doctor/finding.ts';
import { leak, MIB, pool, recorded, resource, withLeaks, withResources, withStats } from './recorded.ts';

const plain = recorded();
const big = withStats(plain, { rssBytes: 200 * MIB, uptimeSeconds: 3600 });

describe('the order', () => {
  test('is what threatens soonest, then what is surest, then what saves most', () => {
    const given = [
      finding({ kind: 'stale', severity: 'note', certainty: 'certain', title: 'a', savesBytes: 9e9 }),
      finding({ kind: 'lost', severity: 'warning', certainty: 'certain', title: 'b', savesBytes: 10 }),
      finding({ kind: 'lost', severity: 'warning', certainty: 'certain', title: 'c', savesBytes: 20 }),
      finding({ kind: 'heap-growth', severity: 'warning', certainty: 'likely', title: 'd', savesBytes: 9e9 }),
      finding({ kind: 'limit-soon', severity: 'warning', certainty: 'likely', title: 'e', secondsToLimit: 60 }),
      finding({ kind: 'limit-near', severity: 'critical', certainty: 'certain', title: 'f' }),
    ];
    expect(given.toSorted(byWorth).map(({ title }) => title)).toEqual(['f', 'e', 'c', 'b', 'd', 'a']);
  });
});

describe('below the floor', () => {
  const small = withStats(plain, { rssBytes: 60 * MIB, uptimeSeconds: 3600 });

  test('it declines, and says which floor', () => {
    expect(diagnose(small).declined).toBe(
      'It takes 60.0 MiB in all. Below 100.0 MiB only limits and leaks are judged: Node.js itself takes most of that.',
    );
    expect(diagnose(withStats(big, { uptimeSeconds: 12 })).declined).toMatch(/^It has been up for 12s\./);
    expect(diagnose(big).declined).toBeNull();
  });

  test('what is only worth knowing is not told, what is certain or threatens is', () => {
    const idle = { pools: [pool({ reservedBytes: 95 * MIB })] };
    expect(diagnose(withStats(big, idle)).findings.map(({ kind }) => kind)).toContain('idle-arena');
    expect(diagnose(withStats(small, idle)).findings.map(({ kind }) => kind)).not.toContain('idle-arena');
    const kinds = diagnose(withResources(withLeaks(small, [leak({})]), [resource({})])).findings.map(
      ({ kind }) => kind,
    );
    expect(kinds).toEqual(expect.arrayContaining(['limit-near', 'lost']));
  });
});

test('of a process that is well nothing is found, and it is said where was looked', () => {
  const { findings, examined } = diagnose(big);
  expect(findings.filter(({ severity }) => severity !== 'note')).toEqual([]);
  expect(examined).toEqual(expect.arrayContaining(['the limit of the V8 heap', 'where RSS goes']));
});

test('of the recorded leak the leak is found', () => {
  expect(diagnose(recorded('leaking')).findings).toEqual(
    expect.arrayContaining([expect.objectContaining({ kind: 'heap-growth' })]),
  );
});
