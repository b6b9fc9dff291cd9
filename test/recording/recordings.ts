import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { RecordingHeader } from '../../src/recording/format.ts';
import { RecordingFile } from '../../src/recording/open.ts';
import type { OpenedRecording, OutputFormat } from '../../src/recording/recording.ts';
import { HEADER } from './header.ts';

export const BYTES_MAX = 1e9;

/** A path in a directory of the test's own. */
export function freshPath(name = 'run.jsonl'): string {
  const directory = mkdtempSync(join(tmpdir(), 'memtool-recording-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return join(directory, name);
}

export interface Opened extends OpenedRecording {
  close: () => void;
}

export async function openRecording(
  path: string,
  {
    format = 'jsonl',
    bytesMax = BYTES_MAX,
    ...changes
  }: Partial<RecordingHeader> & {
    format?: OutputFormat;
    bytesMax?: number;
  } = {},
): Promise<Opened> {
  const header = { ...HEADER, ...changes };
  const file = await RecordingFile.open(path, format, header.name);
  let isOpen = true;
  const close = (): void => {
    if (isOpen) file.close();
    isOpen = false;
  };
  onTestFinished(close);
  return { ...file.begin(header, { bytesMax }), close };
}

export function linesOf(path: string): string[] {
  return readFileSync(path, 'utf8').split('\n').slice(0, -1);
}
