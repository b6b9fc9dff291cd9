import { expect, test } from 'vitest';
import {
  bootOffsetTicks,
  innermostPid,
  mappedUid,
  pidInside,
  sharesView,
  startTimesInside,
} from '../../src/inspect/namespaces.ts';
import { directoryIn } from '../../src/inspect/place.ts';
import { processStartTime } from '../../src/protocol.ts';

test('the pid inside is the last one on the NSpid line', () => {
  expect(innermostPid('Name:\tnode\nTgid:\t31553\nNSpid:\t31553\t17\t1\nUid:\t0\t0\t0\t0\n')).toBe(1);
  expect(innermostPid('Name:\tnode\nNSpid:\t4242\n')).toBe(4242);
  expect(innermostPid('Name:\tnode\nUid:\t0\t0\t0\t0\n')).toBeUndefined();
});

test('the user inside is told from uid_map, which may have several lines', () => {
  expect(mappedUid('         0       1234          1\n', 1234)).toBe(0);
  expect(mappedUid('         0       1000          1\n         1     100000      65536\n', 100_998)).toBe(999);
  expect(mappedUid('         0          0 4294967295\n', 1234)).toBe(1234);
  expect(mappedUid('', 1234)).toBe(1234);
});

test('a time namespace moves start times by whole and parts of seconds, in both directions', () => {
  expect(bootOffsetTicks('monotonic           0         0\nboottime       100000         0\n')).toBe(10_000_000n);
  expect(bootOffsetTicks('monotonic           0         0\nboottime       -2 500000000\n')).toBe(-150n);
  expect(bootOffsetTicks('')).toBe(0n);
});

test('the directory is that of the variables the process was started with, and of the user it takes itself for', () => {
  const environ = ['MEMTOOL_DIR=/run/mt', 'XDG_RUNTIME_DIR=/run/user/7', 'TMPDIR=/scratch/', 'HOME=/'];
  expect(directoryIn(environ.join('\0'), 7)).toBe('/run/mt');
  expect(directoryIn(environ.slice(1).join('\0'), 7)).toBe('/run/user/7/memtool');
  expect(directoryIn(environ.slice(2).join('\0'), 7)).toBe('/scratch/memtool-7');
  expect(directoryIn('HOME=/\0TMP=/t\0', 7)).toBe('/t/memtool-7');
  expect(directoryIn('TMPDIR=\0', 0)).toBe('/tmp/memtool-0');
});

test('we share a view with ourselves', () => {
  expect([sharesView(process.pid), pidInside(process.pid)]).toEqual([true, process.pid]);
  const startTime = processStartTime('self') ?? '';
  expect(startTimesInside(process.pid, startTime)).toEqual([startTime]);
});
