import { MemtoolError } from '../../errors.ts';
import type { SnapshotFrame } from '../../protocol.ts';
import { badAnswer } from '../answer.ts';
import type { HeapSnapshot } from './heap-snapshot.ts';
import { SnapshotParser } from './snapshot-parser.ts';

export interface TrackedSnapshot {
  snapshot: HeapSnapshot;
  trackedSeconds: number;
  pauseMs: number;
  snapshotBytes: number;
}

export type Stage = Extract<SnapshotFrame, { kind: 'stage' }>['stage'];

const LINE_BYTES_MAX = 16 * 1024;
const NEWLINE = 0x0a;

/** Takes the frames of a snapshot apart as they come, and keeps of the text no more than a frame's header. */
export class FrameReader {
  readonly #parser = new SnapshotParser();
  readonly #onStage: (stage: Stage) => void;
  #line = Buffer.alloc(0);
  /** Of the chunk that is being read. */
  #left = 0;
  #bytes = 0;
  #end: Extract<SnapshotFrame, { kind: 'end' }> | undefined;

  constructor(onStage: (stage: Stage) => void) {
    this.#onStage = onStage;
  }

  get snapshotBytes(): number {
    return this.#bytes;
  }

  /** @throws MemtoolError `MEMTOOL_BAD_ANSWER`, or what the agent could not do */
  push(part: Buffer): void {
    let at = 0;
    while (at < part.length) {
      if (this.#left > 0) {
        const bytes = part.subarray(at, at + this.#left);
        this.#parser.push(bytes);
        this.#left -= bytes.length;
        this.#bytes += bytes.length;
        at += bytes.length;
        continue;
      }
      const end = part.indexOf(NEWLINE, at);
      const line = Buffer.concat([this.#line, part.subarray(at, end < 0 ? undefined : end)]);
      if (line.length > LINE_BYTES_MAX) throw badAnswer('a line in it has no end');
      if (end < 0) {
        this.#line = line;
        return;
      }
      this.#line = Buffer.alloc(0);
      at = end + 1;
      this.#receive(readFrame(line.toString('utf8')));
    }
  }

  /** @returns `undefined` when it broke off */
  end(): TrackedSnapshot | undefined {
    if (!this.#end) return undefined;
    const { trackedSeconds, pauseMs } = this.#end;
    return { snapshot: this.#parser.end(), trackedSeconds, pauseMs, snapshotBytes: this.#bytes };
  }

  #receive(frame: SnapshotFrame): void {
    switch (frame.kind) {
      case 'stage':
        this.#onStage(frame.stage);
        break;
      case 'chunk':
        this.#left = frame.bytes;
        break;
      case 'end':
        this.#end = frame;
        break;
      case 'error':
        throw new MemtoolError(frame.code, frame.message, { hint: 'Try again, or when the process has less to do.' });
    }
  }
}

function readFrame(line: string): SnapshotFrame {
  try {
    const frame: unknown = JSON.parse(line);
    if (isFrame(frame)) return frame;
  } catch {
    // As any other line that is no frame.
  }
  throw badAnswer('it is not made of frames');
}

function isFrame(value: unknown): value is SnapshotFrame {
  if (typeof value !== 'object' || value === null || !('kind' in value)) return false;
  switch (value.kind) {
    case 'stage':
      return 'stage' in value && (value.stage === 'tracking' || value.stage === 'snapshot');
    case 'chunk':
      return (
        'bytes' in value && typeof value.bytes === 'number' && Number.isSafeInteger(value.bytes) && value.bytes >= 0
      );
    case 'end':
      return (
        'trackedSeconds' in value &&
        typeof value.trackedSeconds === 'number' &&
        'pauseMs' in value &&
        typeof value.pauseMs === 'number'
      );
    case 'error':
      return 'message' in value && typeof value.message === 'string';
    default:
      return false;
  }
}
