import { SlotBuffer } from '../memory/arena/slot-buffer.ts';

/**
 * What a column's chunk is made of; apache-arrow's `Data` is one. By its shape, so that nothing of that is loaded, and any
 * version of it will do.
 */
export interface ArrowData {
  readonly valueOffsets?: unknown;
  readonly values?: unknown;
  readonly nullBitmap?: unknown;
  readonly typeIds?: unknown;
  /** Of views of texts and bytes. */
  readonly variadicBuffers?: readonly unknown[];
  /** Of a table without rows they are vectors. */
  readonly children: readonly (ArrowData | ArrowSource)[];
  readonly dictionary?: ArrowSource | undefined;
}

/** Whatever has data: apache-arrow's `Table`, `RecordBatch` and `Vector`. */
export interface ArrowSource {
  readonly data: ArrowData | readonly ArrowData[];
}

/**
 * The buffers that a table, batch, vector or chunk keeps alive, each once: columns, slices and dictionaries share them, and a
 * slice keeps the whole of what it was cut from. Memory of an arena is not among them, since its allocation is charged.
 */
export function buffersOf(source: ArrowSource | ArrowData): Set<ArrayBufferLike> {
  const buffers = new Set<ArrayBufferLike>();
  const seen = new Set<ArrowData>();
  const waiting = dataOf(source);
  for (let data = waiting.pop(); data !== undefined; data = waiting.pop()) {
    if (seen.has(data)) continue;
    seen.add(data);
    const { valueOffsets, values, nullBitmap, typeIds, variadicBuffers = [] } = data;
    for (const view of [valueOffsets, values, nullBitmap, typeIds, ...variadicBuffers]) {
      if (!ArrayBuffer.isView(view)) continue;
      if (view.buffer.byteLength > 0 && !SlotBuffer.isOne(view.buffer)) buffers.add(view.buffer);
    }
    for (const child of data.children) waiting.push(...dataOf(child));
    if (data.dictionary !== undefined) waiting.push(...dataOf(data.dictionary));
  }
  return buffers;
}

function dataOf(source: ArrowSource | ArrowData): ArrowData[] {
  if (!('data' in source)) return [source];
  const { data } = source;
  return isMany(data) ? [...data] : [data];
}

function isMany(data: ArrowData | readonly ArrowData[]): data is readonly ArrowData[] {
  return Array.isArray(data);
}
