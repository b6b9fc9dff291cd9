import { readFileSync } from 'node:fs';
import { MemtoolError } from '../errors.ts';
import { formatBytes, formatSeconds } from '../units.ts';
import { containerMemory } from './container.ts';

/** What a snapshot of a heap will cost at most, and what there is for it. */
export interface SnapshotCost {
  heapUsedBytes: number;
  pauseSeconds: number;
  /** In the process that is looked into. */
  memoryBytes: number;
  /** In our own, which reads it. */
  ownBytes: number;
}

/**
 * Measured on Node 24 with heaps of 28, 108 and 210 MB of objects of 38 bytes, which is the worst of cases: the resident memory
 * grew by 17, 19.5 and 21 times the heap (Node 20: 22), and the main thread took 85, 115 and 147 ms of CPU time for each MB
 * (Node 20: 150), on two cores that others used as well. V8 needs about 750 bytes for an object, whatever its size, of which the
 * text of it that is under way to us is 80.
 */
const MEMORY_PER_HEAP = 22;
const PAUSE_SECONDS_PER_MIB = 0.15;
/** What V8 has in its heap at the start is of other objects, and is never more than a few MB. */
const MEMORY_BYTES_MIN = 64 * 1024 * 1024;
/** A heap of 39 MiB, a million objects, took 215 MiB here on Node 20: 96 to read it, the rest to search it. */
const OWN_PER_HEAP = 6;
/** It is a prediction. */
const MARGIN = 1.25;
const HEAP_BYTES_MAX = 1024 ** 3;
/** The tracking itself needs the collector to find some room. */
const HEAP_ROOM_SHARE = 0.1;

export function predictCost(heapUsedBytes: number): SnapshotCost {
  return {
    heapUsedBytes,
    pauseSeconds: Math.max(1, Math.ceil((heapUsedBytes / 1024 ** 2) * PAUSE_SECONDS_PER_MIB)),
    memoryBytes: Math.max(MEMORY_BYTES_MIN, heapUsedBytes * MEMORY_PER_HEAP),
    ownBytes: heapUsedBytes * OWN_PER_HEAP,
  };
}

export interface Room {
  /** What the machine, or the container of the process, has left; `undefined` where nobody can tell. */
  freeBytes: number | undefined;
  heapLimitBytes: number | null;
  /** `--max-pause`, if it was said. */
  pauseSecondsMax: number | undefined;
}

/** @throws MemtoolError `MEMTOOL_NO_ROOM` when the process could be killed for it, or would stop for longer than it may */
export function checkRoom(cost: SnapshotCost, { freeBytes, heapLimitBytes, pauseSecondsMax }: Room): void {
  const { heapUsedBytes, pauseSeconds, memoryBytes, ownBytes } = cost;
  const neededBytes = (memoryBytes + ownBytes) * MARGIN;
  if (freeBytes !== undefined && freeBytes < neededBytes) {
    throw noRoom(
      `a snapshot of a heap of ${formatBytes(heapUsedBytes)} may take ${formatBytes(neededBytes)} for a moment, and ${formatBytes(Math.max(0, freeBytes))} are free`,
      'Ask soon after a restart, while the heap is small, or where there is more memory.',
    );
  }
  if (heapLimitBytes !== null && heapLimitBytes - heapUsedBytes < heapUsedBytes * HEAP_ROOM_SHARE) {
    throw noRoom(
      `the heap has ${formatBytes(Math.max(0, heapLimitBytes - heapUsedBytes))} left to its limit of ${formatBytes(heapLimitBytes)}`,
      'Ask earlier, or start the process with a larger --max-old-space-size.',
    );
  }
  const longest = pauseSecondsMax ?? (heapUsedBytes > HEAP_BYTES_MAX ? 0 : Number.POSITIVE_INFINITY);
  if (pauseSeconds > longest) {
    throw noRoom(
      `it may stop the process for ${formatSeconds(pauseSeconds)}, the heap being ${formatBytes(heapUsedBytes)}`,
      pauseSeconds <= 60
        ? `To allow it: --max-pause ${pauseSeconds}s`
        : 'Ask soon after a restart, while the heap is small.',
    );
  }
}

/** What a process may still take, by its container and by the machine. */
export function freeMemory(pid: number): number | undefined {
  const container = containerMemory(pid);
  const left = [...(container ? [container.limitBytes - container.usedBytes] : []), ...availableMemory()];
  return left.length === 0 ? undefined : Math.min(...left);
}

function availableMemory(): number[] {
  try {
    const kibibytes = /^MemAvailable:\s+(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'latin1'))?.[1];
    return kibibytes === undefined ? [] : [Number(kibibytes) * 1024];
  } catch {
    return [];
  }
}

function noRoom(reason: string, hint: string): MemtoolError {
  return new MemtoolError('MEMTOOL_NO_ROOM', `The retainers were not looked for: ${reason}. Nothing was done.`, {
    hint,
  });
}
