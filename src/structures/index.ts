/** `memtool/structures`: structures that hold memory well. Each is charged to a pool, bounded, and gives back under pressure. */
export { BoundedCache } from './bounded-cache.ts';
export type { BoundedCacheOptions, CompressOptions } from './bounded-cache-options.ts';
export type { CacheStats } from '../report/stats.ts';
export { Broadcast, type BroadcastOptions } from './broadcast.ts';
export { BoundedStream, boundedStream, type BoundedStreamOptions } from './bounded-stream.ts';
export type { Encoded } from './encoding.ts';
export { PayloadBatcher, type Framing, type PayloadBatcherOptions } from './payload-batcher.ts';
export { SharedPayload, type PayloadOptions } from './shared-payload.ts';
export { Subscriber, type DroppedPayloads, type Send } from './subscriber.ts';
export type { ColumnKind, Columns, ColumnValue, RecordOf } from './record-table/columns.ts';
export { RecordTable, type RecordTableOptions } from './record-table/record-table.ts';
