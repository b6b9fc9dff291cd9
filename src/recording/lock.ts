import { createHash } from 'node:crypto';
import { createServer } from 'node:net';
import { MemtoolError } from '../errors.ts';
import { resolveFile } from './line-file.ts';

/**
 * Keeps a second recorder from the same file while this process lives. An abstract socket of Linux is a name that the system
 * takes back whatever ends us, so that a kill leaves nothing to clean up. Elsewhere there is no lock, and two recorders
 * notice each other at their next line.
 *
 * @returns what gives it back before that
 * @throws MemtoolError `MEMTOOL_BUSY`
 */
export async function lockRecording(path: string): Promise<() => void> {
  if (process.platform !== 'linux') return () => undefined;
  const key = createHash('sha256').update(target(path)).digest('hex').slice(0, 32);
  const server = createServer((socket) => socket.destroy());
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(`\0memtool-recording-${process.getuid?.() ?? 0}-${key}`, resolve);
    });
  } catch (error) {
    // A system that forbids such sockets is no reason not to record.
    if (!(error instanceof Error && 'code' in error && error.code === 'EADDRINUSE')) return () => undefined;
    throw new MemtoolError('MEMTOOL_BUSY', `Another memtool is recording to ${path}.`, {
      hint: 'Give another file with -o, or end the other one first.',
      cause: error,
    });
  }
  server.unref();
  return () => void server.close();
}

/** What cannot be resolved cannot be opened either, and is told so then. */
function target(path: string): string {
  try {
    return resolveFile(path);
  } catch {
    return path;
  }
}
