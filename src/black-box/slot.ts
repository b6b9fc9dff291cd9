import { checksum } from './checksum.ts';
import { FIGURES, POOLS_MAX, SLOT_BYTES, SLOT_HEADER_BYTES, type Figure, type Ring } from './layout.ts';

/** One look at the process; what is not known is `null`. */
export interface BoxSample {
  figures: Record<Figure, number | null>;
  /** Used bytes by column; `null` for a column that was not given out yet, or whose pool is gone. */
  pools: (number | null)[];
}

/** @param slot - Of `SLOT_BYTES`; all of it is written */
export function encodeSlot(slot: Buffer, sequence: number, { figures, pools }: BoxSample): void {
  slot.fill(0, 0, SLOT_HEADER_BYTES);
  slot.writeUInt32LE(sequence, 4);
  let at = SLOT_HEADER_BYTES;
  for (const figure of FIGURES) at = slot.writeDoubleLE(figures[figure] ?? NaN, at);
  for (let column = 0; column < POOLS_MAX; column += 1) at = slot.writeDoubleLE(pools[column] ?? NaN, at);
  slot.writeUInt32LE(checksum(slot.subarray(4)), 0);
}

/** The samples of a ring that are whole, in the order in which they were written. */
export function readRing(file: Buffer, ring: Ring): BoxSample[] {
  const found: { sequence: number; sample: BoxSample }[] = [];
  for (let index = 0; index < ring.slots; index += 1) {
    const at = ring.at + index * SLOT_BYTES;
    if (at + SLOT_BYTES > file.length) break;
    const slot = file.subarray(at, at + SLOT_BYTES);
    const sequence = slot.readUInt32LE(4);
    const isWhole = sequence % ring.slots === index && slot.readUInt32LE(0) === checksum(slot.subarray(4));
    if (isWhole) found.push({ sequence, sample: decodeSlot(slot) });
  }
  return found.toSorted((a, b) => a.sequence - b.sequence).map(({ sample }) => sample);
}

function decodeSlot(slot: Buffer): BoxSample {
  const doubles = Array.from({ length: FIGURES.length + POOLS_MAX }, (_, index) => {
    const value = slot.readDoubleLE(SLOT_HEADER_BYTES + index * 8);
    return Number.isFinite(value) ? value : null;
  });
  return { figures: figuresOf((index) => doubles[index] ?? null), pools: doubles.slice(FIGURES.length) };
}

function figuresOf(read: (index: number) => number | null): BoxSample['figures'] {
  const figures = emptyFigures();
  for (const [index, figure] of FIGURES.entries()) figures[figure] = read(index);
  return figures;
}

export function emptyFigures(): BoxSample['figures'] {
  return {
    atMs: null,
    rssBytes: null,
    heapUsedBytes: null,
    heapLimitBytes: null,
    externalBytes: null,
    arrayBuffersBytes: null,
    cpuPercent: null,
    heapAgeMs: null,
    containerUsedBytes: null,
    containerLimitBytes: null,
    poolsUsedBytes: null,
    spare: null,
  };
}
