import type { ArrowSource } from './buffers.ts';
import type { TrackOptions } from './options.ts';
import { trackArrowOrThrow } from './tracked-arrow.ts';

/**
 * Reads an IPC file or stream batch by batch, each charged as it comes and given back when the next one is asked for: of a
 * file of any size one batch is charged at a time. What is kept beyond that is to be tracked by itself.
 *
 * @param reader apache-arrow's `RecordBatchReader`, or whatever gives batches
 * @throws MemoryLimitError when a batch is refused; the reader is then closed
 */
export async function* chargedBatches<Batch extends ArrowSource>(
  reader: AsyncIterable<Batch> | Iterable<Batch>,
  options: TrackOptions,
): AsyncGenerator<Batch, void, undefined> {
  for await (const batch of reader) {
    using _ = trackArrowOrThrow(batch, options);
    yield batch;
  }
}
