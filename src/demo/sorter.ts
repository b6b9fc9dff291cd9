import { PositionHeap } from './position-heap.ts';
import type { WorkingPool } from './working-memory.ts';
import { Workspace } from './workspace.ts';

/** Shorter runs would take longer to merge than they save. */
const RUN_LENGTH_MIN = 1024;
/** Below this, inserting is faster than merging. */
const INSERTION_LENGTH = 16;

/**
 * The positions of `keys` in ascending order, stable; the result is the caller's, the scratch space `temp`'s.
 *
 * An external merge sort: it sorts one run if `temp` grants scratch for all, else runs of half the length, and so on, which
 * are then merged. Little scratch costs time, not the query.
 *
 * @throws MemoryLimitError when there is none even for the shortest runs.
 */
export function sortPositions(keys: Float64Array, workspace: Workspace, temp: WorkingPool): Int32Array {
  const order = identity(workspace.integers(keys.length, 'sort-order'));
  const runLength = sortRuns(keys, order, temp);
  return runLength >= keys.length ? order : mergeRuns(keys, order, runLength, workspace, temp);
}

/** The positions of the `count` smallest keys in ascending order, stable, with memory for those only. */
export function topPositions(keys: Float64Array, count: number, workspace: Workspace): Int32Array {
  const length = Math.min(count, keys.length);
  const top = workspace.integers(length, 'top-order');
  if (length === 0) return top;
  // The worst of those kept is on top of the heap: all that a new one has to beat.
  const kept = new PositionHeap(keys, workspace.integers(length, 'top-heap'), -1);
  for (let position = 0; position < keys.length; position += 1) {
    if (kept.size < length) kept.push(position);
    else if (kept.before(kept.top, position)) kept.replaceTop(position);
  }
  for (let rank = length - 1; rank >= 0; rank -= 1) top[rank] = kept.pop();
  return top;
}

/** Sorts runs as long as `temp` allows, each in place, and gives their length. */
function sortRuns(keys: Float64Array, order: Int32Array, temp: WorkingPool): number {
  let runLength = Math.max(order.length, 1);
  let scratch = temp.allocate(runLength * 4, { tag: 'sort-run' });
  while (!scratch && runLength > RUN_LENGTH_MIN) {
    runLength = Math.max(RUN_LENGTH_MIN, runLength >> 1);
    scratch = temp.allocate(runLength * 4, { tag: 'sort-run' });
  }
  scratch ??= temp.allocateOrThrow(runLength * 4, { tag: 'sort-run' });
  try {
    const half = new Int32Array(scratch.bytes.buffer, scratch.bytes.byteOffset, runLength);
    for (let start = 0; start < order.length; start += runLength) {
      sortRun(keys, order, start, Math.min(start + runLength, order.length), half);
    }
  } finally {
    scratch.free();
  }
  return runLength;
}

/** Merge sort from the bottom up: blocks are sorted by insertion, then merged two by two. */
function sortRun(keys: Float64Array, order: Int32Array, start: number, end: number, scratch: Int32Array): void {
  for (let block = start; block < end; block += INSERTION_LENGTH) {
    insertionSort(keys, order, block, Math.min(block + INSERTION_LENGTH, end));
  }
  for (let width = INSERTION_LENGTH; width < end - start; width *= 2) {
    for (let left = start; left + width < end; left += 2 * width) {
      mergeTwo(keys, order, left, left + width, Math.min(left + 2 * width, end), scratch);
    }
  }
}

function insertionSort(keys: Float64Array, order: Int32Array, start: number, end: number): void {
  for (let index = start + 1; index < end; index += 1) {
    const position = order[index] ?? 0;
    const key = keys[position] ?? 0;
    let hole = index;
    for (; hole > start && (keys[order[hole - 1] ?? 0] ?? 0) > key; hole -= 1) order[hole] = order[hole - 1] ?? 0;
    order[hole] = position;
  }
}

/** Merges `order[start, middle)` and `order[middle, end)`: only the left one has to be copied out of the way. */
function mergeTwo(
  keys: Float64Array,
  order: Int32Array,
  start: number,
  middle: number,
  end: number,
  scratch: Int32Array,
): void {
  const leftLength = middle - start;
  for (let index = 0; index < leftLength; index += 1) scratch[index] = order[start + index] ?? 0;
  let left = 0;
  let right = middle;
  for (let out = start; left < leftLength; out += 1) {
    const leftPosition = scratch[left] ?? 0;
    const rightPosition = order[right] ?? 0;
    if (right < end && (keys[rightPosition] ?? 0) < (keys[leftPosition] ?? 0)) {
      order[out] = rightPosition;
      right += 1;
    } else {
      order[out] = leftPosition;
      left += 1;
    }
  }
}

/** Merges all runs at once: a heap holds the first position of each that is not out yet. */
function mergeRuns(
  keys: Float64Array,
  order: Int32Array,
  runLength: number,
  workspace: Workspace,
  temp: WorkingPool,
): Int32Array {
  const merged = workspace.integers(order.length, 'sort-order');
  const runCount = Math.ceil(order.length / runLength);
  using scratch = new Workspace(temp);
  const heads = new PositionHeap(keys, scratch.integers(runCount, 'sort-merge'), 1);
  const next = scratch.integers(runCount, 'sort-merge');
  for (let run = 0; run < runCount; run += 1) {
    next[run] = run * runLength + 1;
    heads.push(order[run * runLength] ?? 0);
  }
  for (let out = 0; out < merged.length; out += 1) {
    const position = heads.top;
    merged[out] = position;
    // Runs were cut from consecutive positions, so a position tells which run it came from.
    const run = Math.floor(position / runLength);
    const index = next[run] ?? 0;
    next[run] = index + 1;
    if (index < Math.min((run + 1) * runLength, order.length)) heads.replaceTop(order[index] ?? 0);
    else heads.pop();
  }
  return merged;
}

function identity(order: Int32Array): Int32Array {
  for (let index = 0; index < order.length; index += 1) order[index] = index;
  return order;
}
