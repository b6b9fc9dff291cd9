/** HTTP over the agent's socket: one request a connection, and a bound on everything a client may do. */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { MemtoolError } from '../errors.ts';
import { REQUEST_BODY_BYTES_MAX } from '../protocol.ts';
import { badRequest } from './cleanup-request.ts';
import { Connections, type ConnectionLimits } from './connections.ts';
import { readRequestBody } from './request-body.ts';
import { answer, failure, type Response, type Verbs } from './routes.ts';

// An import statement reads every name of the module, and on 24 that loads the whole of fetch and WebSocket behind them.
const { createServer, STATUS_CODES } = process.getBuiltinModule('node:http');

const HEADER_BYTES_MAX = 8 * 1024;

/** The server, not listening yet. */
export function createAgentServer(verbs: Verbs, limits?: ConnectionLimits): Server {
  const connections = new Connections((socket) => {
    refuse(socket, { ...failure(badRequest('The request did not come in time.')), status: 408 });
  }, limits);
  const server = createServer(
    {
      maxHeaderSize: HEADER_BYTES_MAX,
      requireHostHeader: false,
      keepAlive: false,
      // `Connections` watches the time, by the whole request and the whole answer.
      headersTimeout: 0,
      requestTimeout: 0,
      connectionsCheckingInterval: 2 ** 31 - 1,
    },
    (request, response) => void respond(verbs, connections, request, response),
  );
  server.timeout = 0;
  // A client may close its side once it has asked.
  Object.assign(server, { httpAllowHalfOpen: true });
  server.on('connection', (socket: Socket) => {
    if (connections.accept(socket)) return;
    refuse(
      socket,
      failure(new MemtoolError('MEMTOOL_BUSY', 'Too many requests are being answered.', { hint: 'Try again.' })),
    );
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    // After a complete request, garbage takes nothing from its answer.
    if (!connections.isAsking(socket) && socket.writable && error.code !== 'ECONNRESET') return;
    refuse(socket, describeClientError(error));
  });
  return server;
}

async function respond(
  verbs: Verbs,
  connections: Connections,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { socket } = request;
  const body = await readRequestBody(request);
  if (body.kind === 'aborted' || !connections.asked(socket)) return;
  const result =
    body.kind === 'too-large' ? tooLarge() : await answer(verbs, request.method ?? '', request.url ?? '', body.text);
  if (socket.destroyed) return;
  if (result.stream) return streamAnswer(result, result.stream, response);
  connections.answering(socket, Buffer.byteLength(result.body));
  response.writeHead(result.status, headersOf(result));
  response.end(result.body);
}

/** Bounded by whoever writes it, not by the time it takes. */
async function streamAnswer(
  result: Response,
  stream: NonNullable<Response['stream']>,
  response: ServerResponse,
): Promise<void> {
  const { socket } = response.req;
  const { 'Content-Length': _, ...headers } = headersOf(result);
  response.writeHead(result.status, headers);
  await stream({
    write: (bytes) => void response.write(bytes),
    get unsentBytes() {
      return response.writableLength;
    },
    onClose: (callback) => {
      // Who asks for this must stay: one that closes its side, as a process that is killed does, wants no more.
      if (response.destroyed || socket.readableEnded) return callback();
      socket.once('end', callback);
      response.once('close', callback);
    },
  });
  response.end();
}

function tooLarge(): Response {
  return { ...failure(badRequest(`The body is over ${REQUEST_BODY_BYTES_MAX} bytes.`)), status: 413 };
}

function headersOf({
  body,
  contentType = 'application/json; charset=utf-8',
  headers = {},
}: Response): Record<string, string | number> {
  return {
    'Content-Type': contentType,
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-store',
    Connection: 'close',
    ...headers,
  };
}

function describeClientError(error: NodeJS.ErrnoException): Response {
  if (error.code === 'HPE_HEADER_OVERFLOW') return { ...failure(badRequest('The header is too large.')), status: 431 };
  return failure(badRequest('This is not HTTP.', 'Try: curl --unix-socket <socket> http://memtool/v1/stats'));
}

/** Answers a socket that has no complete request, and closes it. */
function refuse(socket: Socket, response: Response): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const headers = Object.entries(headersOf(response)).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(
    `HTTP/1.1 ${response.status} ${STATUS_CODES[response.status] ?? ''}\r\n${headers.join('')}\r\n${response.body}`,
    () => socket.destroy(),
  );
}
