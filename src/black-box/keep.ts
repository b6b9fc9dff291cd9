import { readdirSync, statSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { parseBlackBoxName, processStartTime } from '../protocol.ts';

/** Of processes that are gone: not more than these are kept, and none for longer. */
export const BOXES_KEPT_MAX = 32;
export const BOX_KEPT_DAYS = 7;

const DAY_MS = 86_400_000;
/** Written every second while its process lives; one that was stopped for longer loses nothing but its file. */
const QUIET_MS = 10_000;

export interface FoundBox {
  path: string;
  pid: number;
  startTime: string;
  /** Milliseconds since 1970. */
  writtenAtMs: number;
}

/** The black boxes of a directory, newest first; none when it cannot be read. */
export function listBoxes(directory: string): FoundBox[] {
  let names: string[];
  try {
    names = readdirSync(directory);
  } catch {
    return [];
  }
  return names
    .map((name): FoundBox | undefined => {
      const life = parseBlackBoxName(name);
      const path = join(directory, name);
      const stat = life && statSync(path, { throwIfNoEntry: false });
      return life && stat?.isFile() === true ? { ...life, path, writtenAtMs: stat.mtimeMs } : undefined;
    })
    .filter((found) => found !== undefined)
    .toSorted((a, b) => b.writtenAtMs - a.writtenAtMs);
}

/**
 * Removes what is too old or too many, of processes that are gone: those of other pid namespaces are in nobody's /proc but
 * still write. Done by every agent that starts, so that a service that dies again and again fills no disk, and by who looks.
 */
export function pruneBoxes(directory: string, nowMs: number = Date.now()): void {
  const gone = listBoxes(directory).filter(
    ({ pid, startTime, writtenAtMs }) =>
      nowMs - writtenAtMs > QUIET_MS && (startTime === '0' || processStartTime(pid) !== startTime),
  );
  for (const [index, { path, writtenAtMs }] of gone.entries()) {
    if (index < BOXES_KEPT_MAX && nowMs - writtenAtMs <= BOX_KEPT_DAYS * DAY_MS) continue;
    try {
      unlinkSync(path);
    } catch {
      // Somebody else was faster.
    }
  }
}
