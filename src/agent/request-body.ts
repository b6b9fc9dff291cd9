import type { IncomingMessage } from 'node:http';
import { REQUEST_BODY_BYTES_MAX } from '../protocol.ts';

/** A client that has been told "too large" only reads it once it has sent everything; beyond this it is cut off. */
const DISCARDED_BYTES_MAX = 1024 * 1024;

export type RequestBody = { kind: 'complete'; text: string } | { kind: 'too-large' } | { kind: 'aborted' };

/** Reads a body of bounded size; what is above the bound is discarded, not kept. */
export function readRequestBody(request: IncomingMessage): Promise<RequestBody> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    if (Number(request.headers['content-length'] ?? 0) > DISCARDED_BYTES_MAX) {
      resolve({ kind: 'too-large' });
      return;
    }
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= REQUEST_BODY_BYTES_MAX) chunks.push(chunk);
      else chunks.length = 0;
      if (bytes > DISCARDED_BYTES_MAX) {
        request.pause();
        resolve({ kind: 'too-large' });
      }
    });
    request.once('end', () => {
      resolve(
        bytes > REQUEST_BODY_BYTES_MAX
          ? { kind: 'too-large' }
          : { kind: 'complete', text: Buffer.concat(chunks).toString('utf8') },
      );
    });
    request.once('close', () => resolve({ kind: 'aborted' }));
    request.once('error', () => resolve({ kind: 'aborted' }));
  });
}
