import { createReadStream } from 'node:fs';
import { MemtoolError } from '../errors.ts';
import { parseRecordingLine, type RecordingEvent, type RecordingHeader, type Sample } from './format.ts';
import { SampleTable } from './sample-table.ts';

/** A sample of a thousand pools has 40 KB. */
const LINE_CHARACTERS_MAX = 1024 * 1024;
const EVENTS_MAX = 10_000;

export interface Recording {
  header: RecordingHeader;
  /** Bounded: of a longer recording, every second or fourth. */
  samples: SampleTable;
  /** The first 10,000. */
  events: RecordingEvent[];
  /** Whether the last line was cut off by the end of the writer. */
  isCut: boolean;
  /** Lines within that are no JSON, or too long; they were skipped. */
  brokenLines: number;
}

/**
 * Reads a whole recording, whatever its size, into no more than some 200,000 samples. What it does not know it skips.
 *
 * @throws MemtoolError `MEMTOOL_CANNOT_READ`, `MEMTOOL_BAD_RECORDING`, `MEMTOOL_RECORDING_VERSION`
 */
export async function readRecording(path: string): Promise<Recording> {
  let header: RecordingHeader | undefined;
  const samples = new SampleTable();
  const events: RecordingEvent[] = [];
  let broken = 0;
  let isCut = false;
  for await (const line of linesOf(path)) {
    const parsed = line.isTooLong ? ({ kind: 'broken' } as const) : parseRecordingLine(line.text);
    if (!header) {
      if (parsed.kind !== 'header') throw noRecording(path);
      ({ header } = parsed);
      continue;
    }
    switch (parsed.kind) {
      case 'columns':
        samples.columns = parsed.columns;
        break;
      case 'sample':
        addSample(samples, parsed.sample);
        break;
      case 'event':
        if (events.length < EVENTS_MAX) events.push(parsed.event);
        break;
      case 'broken':
        if (line.isLast) isCut = true;
        else broken += 1;
        break;
      case 'header':
      case 'unknown':
        break;
    }
  }
  if (!header) throw noRecording(path);
  return { header, samples, events, isCut, brokenLines: broken };
}

function addSample(samples: SampleTable, sample: Sample): void {
  // One of another width was written under columns that are missing: its figures have no names.
  if (sample.length === samples.columns.length) samples.push(sample);
}

interface Line {
  text: string;
  isLast: boolean;
  isTooLong: boolean;
}

async function* linesOf(path: string): AsyncGenerator<Line> {
  let rest = '';
  let isSkipping = false;
  try {
    for await (const chunk of createReadStream(path, { encoding: 'utf8', highWaterMark: 256 * 1024 })) {
      const lines = (rest + String(chunk)).split('\n');
      rest = lines.pop() ?? '';
      for (const text of lines) {
        if (text !== '') yield { text, isLast: false, isTooLong: isSkipping || text.length > LINE_CHARACTERS_MAX };
        isSkipping = false;
      }
      if (rest.length > LINE_CHARACTERS_MAX) {
        rest = '';
        isSkipping = true;
      }
    }
  } catch (error) {
    if (error instanceof MemtoolError) throw error;
    throw new MemtoolError(
      'MEMTOOL_CANNOT_READ',
      `${path} could not be read: ${error instanceof Error ? error.message : String(error)}.`,
      { hint: 'Give a file that `memtool record` has written.', cause: error },
    );
  }
  if (rest !== '' || isSkipping) yield { text: rest, isLast: true, isTooLong: isSkipping };
}

function noRecording(path: string): MemtoolError {
  return new MemtoolError('MEMTOOL_BAD_RECORDING', `${path} is no recording: its first line is no header.`, {
    hint: 'Record one: memtool record orders-api -o run.jsonl',
  });
}
