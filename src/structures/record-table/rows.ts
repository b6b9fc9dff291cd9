import { MemtoolError } from '../../errors.ts';
import type { Charge } from '../charge.ts';

/*
 * One chunk, an ArrayBuffer of its own, for chunkRows rows (a power of two):
 *
 *     | generation, 4 bytes a row | link, 4 bytes a row | the widest column | ... | the narrowest |
 *
 * Invariants:
 * - A row is live while its generation is odd. Each add and each remove adds one.
 * - id = generation * idSpan + row, with idSpan = the least power of two >= rowsMax. So no two live rows have the same id, and
 *   no id that was removed is valid again: a row whose generations have run out is not used again.
 * - A row that is not live is either in its chunk's list of free rows, linked through `link`; or at or beyond `fresh`, never
 *   used; or used up.
 * - A chunk that was given back is made anew with the generation that none of its ids has reached.
 * - `roomy` has each chunk with a free or fresh row once, and no other.
 */

/** Of each row, for generation and link. */
export const ROW_HEADER_BYTES = 8;

const NONE = 0xffffffff;
const ID_BITS = 53;
const WORD_BITS = 32;

export interface Chunk {
  readonly view: DataView;
  /** Rows that are live. */
  live: number;
  /** The first free row, by its slot in the chunk. */
  free: number;
  /** From here on no row was used yet. */
  fresh: number;
}

export interface RowsOptions {
  /** Header and fields. */
  rowBytes: number;
  rowsMax: number;
  /** Rounded up to a power of two. */
  chunkRows: number;
}

/** The rows of a table: which are live, by what id, and the chunks of memory that their fields are in. */
export class Rows {
  /** `id & slotMask` is the place of a row in its chunk. */
  readonly slotMask: number;
  readonly chunkRows: number;
  private readonly chunkBytes: number;
  private readonly chunkShift: number;
  private readonly rowsMax: number;
  private readonly rowMask: number;
  private readonly idSpan: number;
  /** The last generation a row may have. */
  private readonly generationMax: number;
  private readonly charge: Charge;
  private chunks: (Chunk | undefined)[] = [];
  private roomy: number[] = [];
  /** Chunks that were given back, with the generation to begin with. */
  private readonly gone = new Map<number, number>();
  private count = 0;
  private chunksHeld = 0;

  constructor(charge: Charge, { rowBytes, rowsMax, chunkRows }: RowsOptions) {
    this.chunkShift = Math.min(bitsFor(chunkRows), bitsFor(rowsMax));
    this.chunkRows = 2 ** this.chunkShift;
    this.slotMask = this.chunkRows - 1;
    this.chunkBytes = this.chunkRows * rowBytes;
    this.rowsMax = rowsMax;
    const rowBits = bitsFor(rowsMax);
    this.idSpan = 2 ** rowBits;
    this.rowMask = (this.idSpan - 1) | 0;
    this.generationMax = 2 ** Math.min(WORD_BITS, ID_BITS - rowBits) - 1;
    this.charge = charge;
  }

  /** Live rows. */
  get size(): number {
    return this.count;
  }

  get usedBytes(): number {
    return this.chunksHeld * this.chunkBytes;
  }

  /** Makes a row live. @returns its id; `undefined` when all rows are taken, or the pool has no room for more */
  add(): number | undefined {
    const index = this.roomy.at(-1) ?? this.makeChunk();
    const chunk = index === undefined ? undefined : this.chunks[index];
    if (index === undefined || chunk === undefined) return undefined;
    const { view } = chunk;
    let slot = chunk.free;
    if (slot === NONE) {
      slot = chunk.fresh;
      chunk.fresh += 1;
    } else chunk.free = view.getUint32(this.linkAt(slot), true);
    const generation = view.getUint32(slot << 2, true) + 1;
    view.setUint32(slot << 2, generation, true);
    chunk.live += 1;
    this.count += 1;
    if (!this.hasRoom(chunk, index)) this.roomy.pop();
    return generation * this.idSpan + index * this.chunkRows + slot;
  }

  /** Ends a live row. */
  remove(id: number): void {
    const chunk = this.find(id);
    const index = this.rowOf(id) >>> this.chunkShift;
    const slot = id & this.slotMask;
    const { view } = chunk;
    const hadRoom = this.hasRoom(chunk, index);
    const generation = view.getUint32(slot << 2, true);
    // The last generation is odd; the row stays without one that could be given out again.
    const isUsedUp = generation >= this.generationMax;
    view.setUint32(slot << 2, isUsedUp ? generation - 1 : generation + 1, true);
    chunk.live -= 1;
    this.count -= 1;
    if (!isUsedUp) {
      view.setUint32(this.linkAt(slot), chunk.free, true);
      chunk.free = slot;
      if (!hadRoom) this.roomy.push(index);
    }
    // Not the only one with room: the next add would have to make it anew.
    if (chunk.live === 0 && this.roomy.length > 1) this.giveBack(chunk, index);
  }

  /** Forgets all of them: what their memory was charged is another's to give back. */
  drop(): void {
    this.chunks = [];
    this.roomy = [];
    this.gone.clear();
    this.count = 0;
    this.chunksHeld = 0;
  }

  /** The chunk of a live row. @throws MemtoolError `MEMTOOL_USE_AFTER_FREE` for a removed record, `MEMTOOL_NOT_FOUND` */
  find(id: number): Chunk {
    const chunk = this.lookUp(id);
    if (chunk === undefined) throw this.notThere(id);
    return chunk;
  }

  has(id: number): boolean {
    return this.lookUp(id) !== undefined;
  }

  /** The ids of live rows, by row. What is added meanwhile may be among them or not. */
  *ids(): Generator<number, void, undefined> {
    for (let index = 0; index < this.chunks.length; index += 1) {
      for (let slot = 0; slot < (this.chunks[index]?.fresh ?? 0); slot += 1) {
        const generation = this.chunks[index]?.view.getUint32(slot << 2, true) ?? 0;
        if ((generation & 1) === 1) yield generation * this.idSpan + index * this.chunkRows + slot;
      }
    }
  }

  private lookUp(id: number): Chunk | undefined {
    const row = this.rowOf(id);
    const chunk = this.chunks[row >>> this.chunkShift];
    if (chunk === undefined) return undefined;
    const generation = chunk.view.getUint32((row & this.slotMask) << 2, true);
    return (generation & 1) === 1 && generation * this.idSpan + row === id ? chunk : undefined;
  }

  /** Of what is no id, some row: its id is then another. */
  private rowOf(id: number): number {
    return (id & this.rowMask) >>> 0;
  }

  private linkAt(slot: number): number {
    return (this.chunkRows + slot) << 2;
  }

  private hasRoom({ free, fresh }: Chunk, index: number): boolean {
    return free !== NONE || (fresh < this.chunkRows && index * this.chunkRows + fresh < this.rowsMax);
  }

  private makeChunk(): number | undefined {
    const [again] = this.gone;
    const [index, generation] = again ?? [this.chunks.length, 0];
    const isBeyond = index * this.chunkRows >= this.rowsMax;
    if (isBeyond || !this.charge.tryGrow(this.chunkBytes)) return undefined;
    this.gone.delete(index);
    const view = new DataView(new ArrayBuffer(this.chunkBytes));
    if (generation > 0)
      for (let slot = 0; slot < this.chunkRows; slot += 1) view.setUint32(slot << 2, generation, true);
    this.chunks[index] = { view, live: 0, free: NONE, fresh: 0 };
    this.chunksHeld += 1;
    this.roomy.push(index);
    return index;
  }

  private giveBack({ view, fresh }: Chunk, index: number): void {
    let generation = 0;
    for (let slot = 0; slot < fresh; slot += 1) generation = Math.max(generation, view.getUint32(slot << 2, true));
    // With its generations nearly used up it stays, so that no row is live without one.
    if (generation >= this.generationMax - 1) return;
    this.gone.set(index, generation);
    this.chunks[index] = undefined;
    this.chunksHeld -= 1;
    this.roomy.splice(this.roomy.indexOf(index), 1);
    this.charge.shrink(this.chunkBytes);
  }

  private notThere(id: number): MemtoolError {
    if (this.wasRemoved(id)) {
      return new MemtoolError('MEMTOOL_USE_AFTER_FREE', `The record ${id} was removed.`, {
        hint: 'Forget the id when the record is removed; has(id) says whether it is there.',
      });
    }
    return new MemtoolError('MEMTOOL_NOT_FOUND', `There is no record ${String(id)}.`, {
      hint: 'Give an id that add() of this table returned.',
    });
  }

  private wasRemoved(id: number): boolean {
    const row = this.rowOf(id);
    const generation = (id - row) / this.idSpan;
    if (!Number.isSafeInteger(id) || !Number.isInteger(generation) || generation % 2 !== 1) return false;
    const index = row >>> this.chunkShift;
    const now = this.chunks[index]?.view.getUint32((row & this.slotMask) << 2, true) ?? this.gone.get(index) ?? 0;
    return generation < now || (generation === this.generationMax && now === generation - 1);
  }
}

/** Enough for numbers below `count`. */
function bitsFor(count: number): number {
  return Math.ceil(Math.log2(count));
}
