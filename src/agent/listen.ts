import { existsSync, renameSync } from 'node:fs';
import type { Server } from 'node:http';
import { connect } from 'node:net';
import { ensureSocketDirectory, socketPath } from '../protocol.ts';
import type { Control } from './control.ts';
import { removeFile } from './failure.ts';

const PROBE_TIMEOUT_MS = 200;

/**
 * Makes the server listen in the directory, which is made and checked first. A socket of the same name is a leftover (of
 * an agent that died, or of a process that had this pid where there are no start times) unless somebody listens on it.
 *
 * @throws MemtoolError when the directory cannot be trusted or the path is too long; what the bind failed with.
 */
export async function listen(server: Server, directory: string, name: string, control: Control): Promise<void> {
  const path = socketPath(directory, name);
  // As long as the other, so that one check of the length is enough.
  const bindPath = path.replace(/\.sock$/, '.bind');
  ensureSocketDirectory(directory);
  for (const leftover of [path, bindPath]) {
    if (!existsSync(leftover)) continue;
    if (await isListening(leftover)) throw new Error(`another process listens on ${leftover}`);
    removeFile(leftover);
  }
  await bind(server, bindPath, path, control);
}

/** A socket refuses connections between its bind and its listen, so it gets the name that is looked for after both. */
function bind(server: Server, bindPath: string, path: string, control: Control): Promise<void> {
  return new Promise((resolve, reject) => {
    // A process that leaves has no use for a socket, and would leave it behind.
    if (!control.beginBind()) return;
    server.once('error', reject);
    // `exclusive`: in a cluster's worker process the bind would otherwise be asked of the primary. It is done on return.
    server.listen({ path: bindPath, exclusive: true });
    let isNamed = false;
    try {
      if (server.listening) {
        renameSync(bindPath, path);
        isNamed = true;
      }
    } catch (error) {
      removeFile(bindPath);
      reject(error);
    }
    control.endBind(isNamed);
    server.once('listening', () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function isListening(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path, timeout: PROBE_TIMEOUT_MS });
    const finish = (listening: boolean): void => {
      socket.destroy();
      resolve(listening);
    };
    socket.once('connect', () => finish(true));
    socket.once('timeout', () => finish(true));
    socket.once('error', (error: NodeJS.ErrnoException) =>
      finish(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT'),
    );
  });
}
