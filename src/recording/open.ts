import { CsvWriter } from './csv-writer.ts';
import type { RecordingHeader } from './format.ts';
import { LineFile } from './line-file.ts';
import { lockRecording } from './lock.ts';
import type { OpenedRecording, OutputFormat, RecordingOptions } from './recording.ts';
import { RecordingWriter } from './writer.ts';

const WRITERS = { jsonl: RecordingWriter, csv: CsvWriter } as const;

/** A file for a recording that nobody else records to, before it is known what begins in it. */
export class RecordingFile {
  readonly #file: LineFile;
  readonly #format: OutputFormat;
  readonly #unlock: () => void;

  private constructor(file: LineFile, format: OutputFormat, unlock: () => void) {
    this.#file = file;
    this.#format = format;
    this.#unlock = unlock;
  }

  /**
   * @param name - Of what is to be recorded.
   * @throws MemtoolError `MEMTOOL_BUSY`, `MEMTOOL_CANNOT_WRITE`, `MEMTOOL_FILE_EXISTS` for a file of something else,
   *   `MEMTOOL_RECORDING_VERSION`
   */
  static async open(path: string, format: OutputFormat, name: string): Promise<RecordingFile> {
    const unlock = await lockRecording(path);
    try {
      const file = LineFile.open(path);
      try {
        WRITERS[format].check(file, name);
        return new RecordingFile(file, format, unlock);
      } catch (error) {
        file.close();
        throw error;
      }
    } catch (error) {
      unlock();
      throw error;
    }
  }

  /** Begins a recording in it, or goes on with the one that is there. */
  begin(header: RecordingHeader, options: RecordingOptions): OpenedRecording {
    return WRITERS[this.#format].open(this.#file, header, options);
  }

  close(): void {
    this.#file.close();
    this.#unlock();
  }
}
