import { MemtoolError } from '../errors.ts';
import { SCHEMA_VERSION, type CommandName, type ErrorReport, type ReportedError } from '../report/document.ts';

/** An error as reports hold it. */
export function reported(error: unknown): ReportedError {
  if (error instanceof MemtoolError) return { code: error.code, message: error.message, hint: error.hint ?? null };
  return {
    code: 'MEMTOOL_INTERNAL',
    message: `memtool itself failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
    hint: 'This is a bug in memtool: please report it with the lines above.',
  };
}

/** What `--json` prints when a command as a whole failed. */
export function errorReport(command: CommandName | null, error: unknown): ErrorReport {
  return { schemaVersion: SCHEMA_VERSION, command, processes: [], error: reported(error) };
}
