/** The same application on each of the real servers, and real sockets to talk to it. */
import { EventEmitter, once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import type { Readable } from 'node:stream';
import express from 'express';
import fastify from 'fastify';
import { onTestFinished } from 'vitest';
import type { MemoryManager } from '../../src/memory/manager.ts';
import { expressMemory } from '../../src/servers/express.ts';
import { fastifyMemory } from '../../src/servers/fastify.ts';
import { httpMemory } from '../../src/servers/http.ts';

export const KINDS = ['http', 'express', 'fastify'] as const;
export type Kind = (typeof KINDS)[number];

export interface Exchange {
  id: string;
  request: IncomingMessage;
  response: ServerResponse;
}

/** What is returned is sent. */
export type Handler = (exchange: Exchange) => string | Readable | Promise<string | Readable>;

export interface Options {
  memory: MemoryManager;
  limit?: number | string;
  retryAfterSeconds?: number;
  shedAt?: 'warning' | 'critical';
  shedPool?: string;
}

const user = (request: { headers: IncomingMessage['headers'] }): string | undefined => header(request, 'who');

/** Answers `/orders/:id` for the user that the header `who` names. @returns the port */
export async function serve(kind: Kind, options: Options, handler: Handler): Promise<number> {
  switch (kind) {
    case 'http':
      return listen(
        createServer(
          httpMemory(
            async (request, response) => {
              send(response, await handler({ id: request.url?.split('/').at(-1) ?? '', request, response }));
            },
            { ...options, user, route: () => '/orders/:id' },
          ),
        ),
      );
    case 'express': {
      const app = express();
      app.use(expressMemory({ ...options, user }));
      app.get('/orders/:id', async (request, response) => {
        send(response, await handler({ id: request.params.id, request, response }));
      });
      return listen(createServer(app));
    }
    case 'fastify': {
      const app = fastify();
      void app.register(fastifyMemory, { ...options, user });
      app.get<{ Params: { id: string } }>('/orders/:id', async (request, reply) =>
        handler({ id: request.params.id, request: request.raw, response: reply.raw }),
      );
      onTestFinished(() => app.close());
      await app.listen({ port: 0 });
      return portOf(app.server);
    }
  }
}

export async function listen(server: Server): Promise<number> {
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return portOf(server);
}

export function header({ headers }: { headers: IncomingMessage['headers'] }, name: string): string | undefined {
  const value = headers[name];
  return typeof value === 'string' ? value : undefined;
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('it does not listen on a port');
  return address.port;
}

function send(response: ServerResponse, content: string | Readable): void {
  if (typeof content === 'string') response.end(content);
  else content.pipe(response);
}

export function get(port: number, path: string, who?: string): Promise<Response> {
  return fetch(`http://127.0.0.1:${port}${path}`, { headers: who === undefined ? {} : { who } });
}

/** A connection that is written to byte by byte. */
export class Client {
  readonly socket: Socket;
  text = '';
  isClosed = false;

  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1');
    this.socket.setEncoding('utf8');
    this.socket.on('data', (text: string) => (this.text += text));
    this.socket.on('error', () => {});
    this.socket.on('close', () => (this.isClosed = true));
    onTestFinished(() => void this.socket.destroy());
  }

  ask(...paths: string[]): void {
    this.socket.write(paths.map((path) => `GET ${path} HTTP/1.1\r\nHost: test\r\n\r\n`).join(''));
  }
}

/** Something that is waited for, and the means to make it happen. */
export function gate(): { opened: Promise<void>; open: () => void } {
  const bell = new EventEmitter();
  const opened = once(bell, 'open').then(() => {});
  return { opened, open: () => void bell.emit('open') };
}
