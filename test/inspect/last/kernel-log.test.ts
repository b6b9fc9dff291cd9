import { expect, test } from 'vitest';
import { killOf } from '../../../src/inspect/last/evidence.ts';
import { parseJournal, parseKills, parseRecord } from '../../../src/inspect/last/kernel-log.ts';

const BOOTED_MS = 1_700_000_000_000;

/** As Linux 6.18 wrote them to /dev/kmsg. */
const RECORDS = [
  '4,360,27277498201,-; oom_kill_process.cold+0x8/0x8a\n',
  '6,432,27277500352,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/box,task_memcg=/box/inner,task=node,pid=8593,uid=0\n',
  '3,433,27277500415,-;Memory cgroup out of memory: Killed process 8593 (node) total-vm:1143600kB, anon-rss:121836kB, file-rss:34772kB, shmem-rss:0kB, UID:0 pgtables:708kB oom_score_adj:0\n SUBSYSTEM=memory\n',
  '3,500,27377500415,-;Out of memory: Killed process 77 (Main (x) Thread) total-vm:1kB, anon-rss:2kB, file-rss:0kB\n',
];

const KILLS = parseKills(RECORDS.map((record) => parseRecord(record, BOOTED_MS)).filter((line) => line !== undefined));

test('a kill is read with its time, its process and its group', () => {
  expect(KILLS).toEqual([
    {
      atMs: BOOTED_MS + 27_277_500.415,
      pid: 8593,
      processName: 'node',
      anonymousBytes: 121_836 * 1024,
      group: '/box/inner',
      text: expect.stringMatching(/^Memory cgroup out of memory: Killed process 8593 .* oom_score_adj:0$/),
    },
    expect.objectContaining({ pid: 77, processName: 'Main (x', anonymousBytes: 2048, group: null }),
  ]);
});

test('the journal says the same in its own way', () => {
  const output = [
    '1700000000.250000 web-1 kernel: Out of memory: Killed process 8593 (node) total-vm:9kB, anon-rss:8kB',
    '-- Boot 4711 --',
    '1700000001.000000 web-1 kernel: something else',
  ].join('\n');
  expect(parseKills(parseJournal(output))).toMatchObject([{ atMs: 1_700_000_000_250, pid: 8593 }]);
});

test('what is no record is left out', () => {
  for (const text of ['', '\0', '6,1,x,-;text', 'no record']) expect(parseRecord(text, 0)).toBeUndefined();
});

const LAST_MS = BOOTED_MS + 27_277_000;

test('by the pid that the kernel knows it is certain, and a pid that was given out again long after is not it', () => {
  const victim = { pid: 8593, hasHostPid: true, group: '/other', lastAtMs: LAST_MS };
  expect(killOf(victim, KILLS)).toMatchObject({ isCertain: true, kill: { pid: 8593 } });
  expect(killOf({ ...victim, lastAtMs: LAST_MS - 3_600_000 }, KILLS)).toBeUndefined();
  expect(killOf({ ...victim, pid: 8594 }, KILLS)).toBeUndefined();
});

test('in a container it goes by the group and the time, and is not certain', () => {
  const victim = { pid: 1, hasHostPid: false, group: '/box/inner', lastAtMs: LAST_MS };
  expect(killOf(victim, KILLS)).toMatchObject({ isCertain: false, kill: { pid: 8593 } });
  expect(killOf({ ...victim, group: '/' }, KILLS)).toMatchObject({ isCertain: false, kill: { pid: 8593 } });
  expect(killOf({ ...victim, group: '/another' }, KILLS)).toBeUndefined();
  expect(killOf({ ...victim, lastAtMs: LAST_MS - 60_000 }, KILLS)).toBeUndefined();
});
