import { getHeapStatistics } from 'node:v8';

/** What the agent's own thread takes: the pages of its heap, and what hangs on them outside. */
export function agentBytes(): number {
  const {
    total_physical_size: heapBytes,
    malloced_memory: mallocedBytes,
    external_memory: externalBytes,
  } = getHeapStatistics();
  return heapBytes + mallocedBytes + externalBytes;
}
