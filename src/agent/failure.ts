import { renameSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MemtoolError } from '../errors.ts';
import { ensureSocketDirectory, type AgentFailure } from '../protocol.ts';
import type { ReportedError } from '../report/document.ts';

export interface FailurePlace {
  directory: string;
  failureName: string;
  scriptName: string;
}

/** Leaves the reason where `memtool ps` looks for it, if the directory allows; the application goes on either way. */
export function recordFailure({ directory, failureName, scriptName }: FailurePlace, error: unknown): void {
  try {
    ensureSocketDirectory(directory);
    const failure: AgentFailure = {
      pid: process.pid,
      name: scriptName,
      failedAt: new Date().toISOString(),
      error: describeFailure(error),
    };
    // Whoever looks finds all of it or nothing.
    const path = join(directory, failureName);
    writeFileSync(`${path}.new`, JSON.stringify(failure), { mode: 0o600 });
    renameSync(`${path}.new`, path);
  } catch {
    // Nowhere to say it: a process without an agent, as `ps` shows it.
  }
}

export function removeFile(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // It was not there, or somebody else was faster.
  }
}

function describeFailure(error: unknown): ReportedError {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof MemtoolError) return { code: error.code, message, hint: error.hint ?? null };
  return {
    code: 'MEMTOOL_AGENT_FAILED',
    message: `The agent could not run: ${message}`,
    hint: 'The application goes on without it. Restart the process to try again.',
  };
}
