import { join } from 'node:path';
import { BlackBoxFile } from '../../black-box/file.ts';
import { ENDINGS } from '../../black-box/layout.ts';
import type { StarterEnding } from '../../black-box/notes.ts';
import { blackBoxName } from '../../protocol.ts';

/**
 * Notes in the black box of a process how it ended, which only the process that has started it is told. Does nothing when it
 * has none, or has taken it away.
 *
 * @param startTime - Read while it lived
 */
export function noteEnding(
  directory: string,
  { pid, startTime }: { pid: number; startTime: string | undefined },
  { code, signal }: { code: number | null; signal: string | null },
): void {
  try {
    const file = BlackBoxFile.open(join(directory, blackBoxName(pid, startTime)));
    file.writeBlock(ENDINGS.starter, 0, { atMs: Date.now(), code, signal } satisfies StarterEnding);
    file.close();
  } catch {
    // It has none.
  }
}
