/** Real snapshots: of this process, with the allocations of a function tracked. */
import { Session } from 'node:inspector/promises';

/** @returns the text, as V8 wrote it */
export async function trackedSnapshot(allocate: () => void): Promise<Buffer> {
  const session = new Session();
  session.connect();
  const chunks: Buffer[] = [];
  session.on('HeapProfiler.addHeapSnapshotChunk', ({ params }) => chunks.push(Buffer.from(params.chunk)));
  await session.post('HeapProfiler.startTrackingHeapObjects', { trackAllocations: true });
  allocate();
  await session.post('HeapProfiler.stopTrackingHeapObjects', { reportProgress: false });
  session.disconnect();
  return Buffer.concat(chunks);
}
