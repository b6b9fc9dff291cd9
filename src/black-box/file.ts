import { closeSync, constants, fstatSync, ftruncateSync, openSync, unlinkSync, writeSync } from 'node:fs';
import { encodeBlock } from './block.ts';
import {
  BLACK_BOX_VERSION,
  FILE_BYTES,
  MAGIC,
  MINUTES,
  PREAMBLE_BYTES,
  SECONDS,
  SLOT_BYTES,
  type BlockPlace,
  type Ring,
} from './layout.ts';
import { encodeSlot, type BoxSample } from './slot.ts';

const CREATE = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | (constants.O_NOFOLLOW ?? 0);
const CHANGE = constants.O_RDWR | (constants.O_NOFOLLOW ?? 0);

/**
 * The file as it is written. All of it is synchronous: a write is a copy into the page cache (4 us), and the thread pool is
 * the application's. Everything throws what the system says.
 */
export class BlackBoxFile {
  readonly #file: number;
  readonly #slot = Buffer.alloc(SLOT_BYTES);

  /**
   * Makes the file, with room on the disk for all but the ring of minutes, which takes a page every eleven minutes: a process
   * that lives for a minute leaves 285 KiB and not 825.
   */
  static create(path: string): BlackBoxFile {
    // Left by an agent that was here before.
    removeIfThere(path);
    const file = openSync(path, CREATE, 0o600);
    try {
      const start = Buffer.alloc(MINUTES.at);
      start.write(MAGIC, 0, 'latin1');
      [BLACK_BOX_VERSION, SLOT_BYTES, SECONDS.slots, MINUTES.slots].forEach((value, index) =>
        start.writeUInt32LE(value, MAGIC.length + index * 4),
      );
      writeWhole(file, start, 0);
      ftruncateSync(file, FILE_BYTES);
    } catch (error) {
      closeSync(file);
      removeIfThere(path);
      throw error;
    }
    return new BlackBoxFile(file);
  }

  /** To note how the process ended. */
  static open(path: string): BlackBoxFile {
    return new BlackBoxFile(openSync(path, CHANGE));
  }

  private constructor(file: number) {
    this.#file = file;
  }

  writeSample(ring: Ring, sequence: number, sample: BoxSample): void {
    encodeSlot(this.#slot, sequence, sample);
    writeWhole(this.#file, this.#slot, ring.at + (sequence % ring.slots) * SLOT_BYTES);
  }

  /** @returns `false` when it does not fit, and nothing was written */
  writeBlock({ at, bytes }: BlockPlace, sequence: number, value: object): boolean {
    const block = encodeBlock(sequence, value, bytes);
    if (block) writeWhole(this.#file, block, at);
    return block !== undefined;
  }

  /** Writing to a file without a name goes well, and nobody will ever read it. */
  get hasName(): boolean {
    return fstatSync(this.#file).nlink > 0;
  }

  close(): void {
    closeSync(this.#file);
  }
}

/** Whether these are the first bytes of a black box of a version that is known here. */
export function readPreamble(file: Buffer): { isBlackBox: boolean; version: number } {
  if (file.length < PREAMBLE_BYTES || file.toString('latin1', 0, MAGIC.length) !== MAGIC)
    return { isBlackBox: false, version: 0 };
  return { isBlackBox: true, version: file.readUInt32LE(MAGIC.length) };
}

/** A disk that fills up takes a part, and refuses the next. */
function writeWhole(file: number, bytes: Buffer, position: number): void {
  for (let done = 0; done < bytes.length;) done += writeSync(file, bytes, done, bytes.length - done, position + done);
}

function removeIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // It was not; else the next step says what is wrong.
  }
}
