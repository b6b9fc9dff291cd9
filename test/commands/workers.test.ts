/** Managers of worker threads, from the shell: the real `bin` and a real program. */
import { expect, test } from 'vitest';
import { shows, startWorkers } from '../agent/workers-subject.ts';
import type { CleanupReport } from '../../src/report/cleanup.ts';
import type { StatsReport } from '../../src/report/stats.ts';
import { json, memtool } from './memtool.ts';

const MIB = 1024 * 1024;

test('stats shows what each thread holds, and finds the process by a worker`s manager', async () => {
  const subject = await startWorkers('main', 'first stay', 'second stay');
  await shows(subject, ['first', 'main', 'second']);
  const drawn = await memtool(['stats'], subject.directory);
  expect(drawn).toMatchObject({ stderr: '', exitCode: 0 });
  expect(drawn.stdout).toMatch(/total .*30\.0 MiB/);
  const outcome = await memtool(['stats', 'second', '--json'], subject.directory);
  expect(outcome).toMatchObject({ stderr: '', exitCode: 0 });
  expect(json<StatsReport>(outcome).processes).toMatchObject([
    { pid: subject.child.pid, name: 'main', managers: [{ name: 'main' }, {}, {}] },
  ]);
});

test('cleanup gives back what threads hold, and names the one that is busy', async () => {
  const subject = await startWorkers('main', 'first stay', 'second stay reclaim');
  await shows(subject, ['first', 'main', 'second']);
  await subject.tell('1 spin /dev/null/never');
  const outcome = await memtool(['cleanup', '--json', '--timeout', '2'], subject.directory);
  expect(outcome).toMatchObject({ stderr: '', exitCode: 0 });
  expect(json<CleanupReport>(outcome).processes).toMatchObject([
    {
      reclaimed: [{ manager: 'second', kind: 'reclaimer', bytes: 45 * MIB }],
      unavailable: { 'manager first in thread 2': expect.any(String) },
    },
  ]);
  const drawn = await memtool(['cleanup', '--timeout', '2'], subject.directory, { COLUMNS: '200' });
  expect(drawn).toMatchObject({ stderr: '', exitCode: 0 });
  expect(drawn.stdout).toContain('manager first in thread 2 unavailable: the thread did not take up the cleanup');
});
