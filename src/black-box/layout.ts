/**
 * The black box: what a process held, second by second, in a file that is still there when the process is not.
 *
 *          0  preamble        magic, version, and the counts below; never written again
 *       4096  head            JSON: which process, and what the columns of pools are      two copies of  8 KiB
 *      20480  details         JSON: who held it, pressure events                          two copies of 16 KiB
 *      53248  endings         JSON: how it ended, by itself and by who started it         two blocks of  4 KiB
 *      61440  seconds         600 slots of 384 bytes: the last ten minutes                a ring
 *     291840  minutes         1440 slots of 384 bytes: the last day                       a ring
 *     844800  end
 *
 *     slot    checksum u32, sequence u32, 8 bytes 0, 12 figures f64, used bytes of 34 pools f64     little endian, NaN: unknown
 *     block   checksum u32, sequence u32, length u32, 4 bytes 0, JSON in UTF-8
 *
 * Invariants:
 * - A slot is one write, at the place that its sequence gives it. What a kill has torn has a wrong checksum, and is not there.
 * - Of two copies the older is overwritten: one of them is always whole.
 * - A column of pools, once given out, is that pool's for as long as the file lives: old slots keep their meaning.
 * - Nothing is synced: what was written is in the page cache, which outlives the process, but not the machine.
 */

export const MAGIC = 'MEMTLAST';
export const BLACK_BOX_VERSION = 1;

export const POOLS_MAX = 34;

/** In the order in which a slot has them. */
export const FIGURES = [
  'atMs',
  'rssBytes',
  'heapUsedBytes',
  'heapLimitBytes',
  'externalBytes',
  'arrayBuffersBytes',
  'cpuPercent',
  /** How long before the sample the figures of the heap were read. */
  'heapAgeMs',
  'containerUsedBytes',
  'containerLimitBytes',
  /** All pools, also those that have no column. */
  'poolsUsedBytes',
  'spare',
] as const;

export type Figure = (typeof FIGURES)[number];

export const SLOT_HEADER_BYTES = 16;
export const SLOT_BYTES: number = SLOT_HEADER_BYTES + (FIGURES.length + POOLS_MAX) * 8;

export const BLOCK_HEADER_BYTES = 16;

export interface BlockPlace {
  at: number;
  bytes: number;
}

export interface Ring {
  at: number;
  slots: number;
  intervalMs: number;
}

const KIB = 1024;

export const PREAMBLE_BYTES = 24;
export const HEAD: readonly [BlockPlace, BlockPlace] = pair(4 * KIB, 8 * KIB);
export const DETAILS: readonly [BlockPlace, BlockPlace] = pair(20 * KIB, 16 * KIB);
export const ENDINGS: { own: BlockPlace; starter: BlockPlace } = endings(pair(52 * KIB, 4 * KIB));
export const SECONDS: Ring = { at: 60 * KIB, slots: 600, intervalMs: 1000 };
export const MINUTES: Ring = { at: SECONDS.at + SECONDS.slots * SLOT_BYTES, slots: 1440, intervalMs: 60_000 };
export const FILE_BYTES: number = MINUTES.at + MINUTES.slots * SLOT_BYTES;

function pair(at: number, bytes: number): readonly [BlockPlace, BlockPlace] {
  return [
    { at, bytes },
    { at: at + bytes, bytes },
  ];
}

function endings([own, starter]: readonly [BlockPlace, BlockPlace]): { own: BlockPlace; starter: BlockPlace } {
  return { own, starter };
}
