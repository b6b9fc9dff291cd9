import type { TimedSample } from '../../black-box/contents.ts';
import type { Figure } from '../../black-box/layout.ts';
import type { PoolColumn } from '../../black-box/notes.ts';
import type { LastHistory } from '../../report/last.ts';

/** Named as the columns of a recording. */
const COLUMNS: readonly [name: string, figure: Figure][] = [
  ['rss', 'rssBytes'],
  ['heapUsed', 'heapUsedBytes'],
  ['heapLimit', 'heapLimitBytes'],
  ['external', 'externalBytes'],
  ['arrayBuffers', 'arrayBuffersBytes'],
  ['cpuPercent', 'cpuPercent'],
  ['cgroup.current', 'containerUsedBytes'],
  ['cgroup.limit', 'containerLimitBytes'],
];

/** The samples as rows. */
export function historyOf(
  { seconds, minutes }: { seconds: TimedSample[]; minutes: TimedSample[] },
  pools: readonly PoolColumn[],
  startedAtMs: number,
): LastHistory {
  const rows = (samples: TimedSample[]): (number | null)[][] =>
    samples.map((sample) => [
      Math.round(sample.atMs - startedAtMs),
      ...COLUMNS.map(([, figure]) => sample.figures[figure]),
      ...pools.map((_, column) => sample.pools[column] ?? null),
    ]);
  return {
    columns: [
      't',
      ...COLUMNS.map(([name]) => name),
      ...pools.map(({ manager, name }) => `pool:${manager}/${name}.used`),
    ],
    seconds: rows(seconds),
    minutes: rows(minutes),
  };
}
