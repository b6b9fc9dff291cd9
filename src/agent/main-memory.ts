import { getHeapSpaceStatistics } from 'node:v8';
import { heapLimitBytes } from '../heap/heap-limit.ts';
import type { MainMemory, MemoryLayers } from './messages.ts';

/** Figures of the isolate that calls; 10-12 us, most of it `process.memoryUsage()` asking the system for the resident set. */
export function readMainMemory(): MainMemory {
  const { heapUsed, external, arrayBuffers } = process.memoryUsage();
  return {
    heapUsedBytes: heapUsed,
    heapLimitBytes: heapLimitBytes(),
    externalBytes: external,
    arrayBuffersBytes: arrayBuffers,
    spaces: getHeapSpaceStatistics()
      .filter(({ space_size: bytes }) => bytes > 0)
      .map((space) => ({
        name: space.space_name,
        usedBytes: space.space_used_size,
        reservedBytes: space.physical_space_size,
      })),
  };
}

export function readLayers(): MemoryLayers {
  const { heapUsed, external } = process.memoryUsage();
  return { heapUsedBytes: heapUsed, externalBytes: external };
}
