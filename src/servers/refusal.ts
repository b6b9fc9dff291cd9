import type { ServerResponse } from 'node:http';

/** What would say something of a body that is not sent. */
const BODY_HEADERS = [
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-length',
  'content-location',
  'content-range',
  'content-type',
  'etag',
  'expires',
  'last-modified',
  'trailer',
  'transfer-encoding',
];

/**
 * Whether it is a refusal of memory. By its code: the program may have loaded memtool twice, and each copy has a class of
 * its own.
 */
export function isRefusal(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && error.code === 'MEMTOOL_LIMIT';
}

/**
 * What a client is told. The error's own message names accounts, tags and what they hold, of other users too: it is for
 * the log.
 */
export function refusalBody(retryAfterSeconds: number): string {
  return JSON.stringify({
    statusCode: 503,
    code: 'MEMTOOL_LIMIT',
    error: 'Service Unavailable',
    message: `There is not enough memory for this request. Try again in ${retryAfterSeconds} s.`,
  });
}

/**
 * Answers 503 with `Retry-After` instead of whatever was to be sent. When a part of that has gone out already, the
 * connection is closed: the client sees that its answer is not whole.
 */
export function refuse(response: ServerResponse, retryAfterSeconds: number): void {
  if (response.writableFinished) return;
  if (response.headersSent) {
    response.destroy();
    return;
  }
  for (const name of BODY_HEADERS) response.removeHeader(name);
  const body = refusalBody(retryAfterSeconds);
  response.statusCode = 503;
  response.statusMessage = '';
  response.setHeader('Retry-After', String(retryAfterSeconds));
  response.setHeader('Content-Type', 'application/json; charset=utf-8');
  response.setHeader('Content-Length', Buffer.byteLength(body));
  response.end(body);
}
