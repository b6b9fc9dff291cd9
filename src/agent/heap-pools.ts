import { usedPercent } from '../memory/level.ts';
import type { PoolStats } from '../report/stats.ts';
import type { History } from './history.ts';
import type { MainMemory } from './messages.ts';

/**
 * The V8 heap as pools: the whole of it against its limit, its spaces, and what V8 keeps outside: external memory and array
 * buffers. The peaks are those that the agent has seen.
 */
export function heapPools(memory: MainMemory, history: History): PoolStats[] {
  const { heapUsedBytes, heapLimitBytes, externalBytes, arrayBuffersBytes, spaces } = memory;
  const reservedBytes = spaces.reduce((sum, space) => sum + space.reservedBytes, 0);
  const rows = [
    { name: 'heap', usedBytes: heapUsedBytes, reservedBytes, limitBytes: heapLimitBytes },
    ...spaces,
    { name: 'external', usedBytes: externalBytes, reservedBytes: externalBytes },
    { name: 'array_buffers', usedBytes: arrayBuffersBytes, reservedBytes: arrayBuffersBytes },
  ];
  return rows.map((row): PoolStats => {
    const limitBytes = 'limitBytes' in row ? row.limitBytes : null;
    history.note(['heap-space', row.name], row.usedBytes);
    return {
      manager: null,
      name: row.name,
      kind: 'heap-space',
      limitBytes,
      blockBytes: null,
      usedBytes: row.usedBytes,
      reservedBytes: Math.max(row.usedBytes, row.reservedBytes),
      peakBytes: history.peakBytes(['heap-space', row.name]),
      usedPercent: usedPercent(row.usedBytes, limitBytes ?? Infinity),
      level: history.level(['heap-space', row.name], row.usedBytes, limitBytes),
      allocations: 0,
      frees: 0,
      rejections: 0,
      live: 0,
      oldestAgeSeconds: null,
    };
  });
}
