import type { LineFile } from './line-file.ts';

/** Thinning fewer would not make a file smaller that is too large for another reason. */
const SAMPLES_MIN = 16;
/** A file that stays near its bound, however it is thinned, is not copied at every line. */
const ROOM_AFTER = 1.1;

export interface ThinRequest {
  /** The samples in the file. */
  samples: number;
  isSample: (line: string) => boolean;
  /** Lines to be added, given the first sample that was not thinned. */
  tail: (firstKept: string) => string;
}

/** Keeps a file below a bound: when it has grown beyond, every second sample of the older half is left out. */
export class Thinner {
  readonly #file: LineFile;
  readonly #bytesMax: number;
  #nextBytes: number;
  count = 0;

  constructor(file: LineFile, bytesMax: number) {
    this.#file = file;
    this.#bytesMax = bytesMax;
    this.#nextBytes = bytesMax;
  }

  isDue(bytesMore: number): boolean {
    return this.#file.bytes + bytesMore > this.#nextBytes;
  }

  /** @returns how many samples are left; at the ends of what is thinned, the first stays. */
  thin({ samples, isSample, tail }: ThinRequest): number {
    if (samples < SAMPLES_MIN) {
      this.#nextBytes = this.#file.bytes * ROOM_AFTER;
      return samples;
    }
    const half = Math.floor(samples / 2);
    const firstKept = this.#find(half, isSample);
    let index = 0;
    let left = 0;
    this.#file.rewrite((line) => {
      if (!isSample(line)) return line;
      const isKept = index >= half || index % 2 === 0;
      index += 1;
      if (!isKept) return undefined;
      left += 1;
      return line;
    }, tail(firstKept));
    this.count += 1;
    this.#nextBytes = Math.max(this.#bytesMax, this.#file.bytes * ROOM_AFTER);
    return left;
  }

  #find(wanted: number, isSample: (line: string) => boolean): string {
    let index = 0;
    for (const line of this.#file.lines()) {
      if (!isSample(line)) continue;
      if (index === wanted) return line;
      index += 1;
    }
    return '';
  }
}
