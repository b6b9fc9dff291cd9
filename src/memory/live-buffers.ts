import { MemtoolError } from '../errors.ts';
import { formatBytes } from '../units.ts';
import { MarkedBuffer, type BufferMark } from './buffer-mark.ts';

/** A mark of the allocator that asks for it. */
export interface LiveBuffer<Ticket> extends BufferMark {
  ticket: Ticket;
}

/**
 * The buffers that one allocator has handed out, by identity. The buffers know, not this: so forgetting to free costs a wrong
 * sum but not the memory, and a pool can still find what is lost.
 */
export class LiveBuffers<Ticket = undefined> {
  /** Sum of the sizes of all that are live. */
  bytesUsed = 0;

  /**
   * @returns its size
   * @throws MemtoolError `MEMTOOL_INTERNAL` when it is live already: two owners would free it
   */
  add(bytes: Uint8Array, ticket: Ticket): number {
    const size = bytes.byteLength;
    const known = this.find(bytes);
    if (known === undefined) {
      MarkedBuffer.mark(bytes, { owner: this, size, ticket, next: MarkedBuffer.markOf(bytes) });
    } else {
      // An allocator may well have a single empty buffer for everyone: nothing in it can be overwritten or counted twice.
      if (size > 0 && known.size >= 0) throw inUse(size);
      known.size = size;
      known.ticket = ticket;
    }
    this.bytesUsed += size;
    return size;
  }

  /** @throws MemtoolError `MEMTOOL_FOREIGN_BUFFER`, `MEMTOOL_DOUBLE_FREE` */
  toFree(bytes: Uint8Array): LiveBuffer<Ticket> {
    const known = this.find(bytes);
    if (known === undefined) throw foreign(bytes);
    if (known.size >= 0) return known;
    throw new MemtoolError('MEMTOOL_DOUBLE_FREE', `The buffer of ${formatBytes(freedSize(known))} was already freed.`, {
      hint: 'Free it in one place. Reallocating frees it too: go on with the buffer that reallocate returned.',
    });
  }

  /** @throws MemtoolError `MEMTOOL_FOREIGN_BUFFER`, `MEMTOOL_USE_AFTER_FREE` */
  toReallocate(bytes: Uint8Array): LiveBuffer<Ticket> {
    const known = this.find(bytes);
    if (known === undefined) throw foreign(bytes);
    if (known.size >= 0) return known;
    throw new MemtoolError(
      'MEMTOOL_USE_AFTER_FREE',
      `The buffer of ${formatBytes(freedSize(known))} was freed and cannot be reallocated.`,
      { hint: 'Go on with the buffer that reallocate returned, or allocate a new one.' },
    );
  }

  /** Marks a live one as freed. The owner sees to its ticket. */
  remove(live: LiveBuffer<Ticket>): void {
    this.bytesUsed -= live.size;
    // Not `~`, which has 32 bits: buffers may be longer.
    live.size = -1 - live.size;
  }

  private find(bytes: unknown): LiveBuffer<Ticket> | undefined {
    let mark = MarkedBuffer.markOf(bytes);
    while (mark !== undefined && mark.owner !== this) mark = mark.next;
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the tickets of its own marks are its own
    return mark as LiveBuffer<Ticket> | undefined;
  }
}

function freedSize({ size }: BufferMark): number {
  return -1 - size;
}

function inUse(size: number): MemtoolError {
  return new MemtoolError(
    'MEMTOOL_INTERNAL',
    `The underlying allocator handed out a buffer of ${formatBytes(size)} that is still in use.`,
    { hint: 'An allocator must hand out a new Uint8Array each time.' },
  );
}

function foreign(bytes: unknown): MemtoolError {
  const what = bytes instanceof Uint8Array ? `A buffer of ${formatBytes(bytes.byteLength)}` : 'What is no Uint8Array';
  return new MemtoolError('MEMTOOL_FOREIGN_BUFFER', `${what} was not handed out by this allocator.`, {
    hint: 'Give back the very Uint8Array that allocate or reallocate returned, not a subarray or another view of it, to the allocator and in the thread that it came from.',
  });
}
