/** Apache Arrow's memory, charged to pools. */
export { trackArrow, trackArrowOrThrow, type TrackedArrow } from './tracked-arrow.ts';
export { trackBuilder, trackBuilderOrThrow, type ArrowBuilder, type TrackedBuilder } from './tracked-builder.ts';
export { chargedBatches } from './charged-batches.ts';
export type { ArrowData, ArrowSource } from './buffers.ts';
export type { TrackOptions } from './options.ts';
