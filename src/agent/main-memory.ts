import { getHeapStatistics } from 'node:v8';
import type { MainMemory, MemoryLayers } from './messages.ts';

/** Figures of the isolate that calls; 8 us, most of it `process.memoryUsage()` asking the system for the resident set. */
export function readMainMemory(): MainMemory {
  const { heapUsed, external, arrayBuffers } = process.memoryUsage();
  return {
    heapUsedBytes: heapUsed,
    heapLimitBytes: getHeapStatistics().heap_size_limit,
    externalBytes: external,
    arrayBuffersBytes: arrayBuffers,
  };
}

export function readLayers(): MemoryLayers {
  const { heapUsed, external } = process.memoryUsage();
  return { heapUsedBytes: heapUsed, externalBytes: external };
}
