import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { MemtoolError } from '../errors.ts';
import { open, type Target } from '../inspect/open.ts';
import { METRICS_CONTENT_TYPE } from '../metrics/text.ts';
import { renderMetrics } from '../render/metrics.ts';
import { SCHEMA_VERSION, type ProcessFailure } from '../report/document.ts';
import type { MetricsReport, ProcessMetrics } from '../report/metrics.ts';
import { identify } from './collect.ts';
import { EXIT_INTERRUPTED, EXIT_NOTHING, type Context } from './context.ts';
import { reported } from './failure.ts';
import { metricsOf } from './metrics.ts';

export interface Address {
  host: string;
  port: number;
}

/** What the processes of this machine hold is nobody else's business unless somebody says so. */
const LOOPBACK = '127.0.0.1';
const CONNECTIONS_MAX = 64;
/** A request is a few lines. */
const HEADER_BYTES_MAX = 8 * 1024;
const REQUEST_TIMEOUT_MS = 5000;
/** For a client that does not read its answer. */
const IDLE_TIMEOUT_MS = 30_000;

/** @throws MemtoolError `MEMTOOL_INVALID_OPTION` */
export function parseAddress(text: string): Address {
  const match = /^(?:(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+)):)?(\d{1,5})$/.exec(text);
  const port = Number(match?.[3] ?? NaN);
  if (port <= 65_535) return { host: match?.[1] ?? match?.[2] ?? LOOPBACK, port };
  throw new MemtoolError('MEMTOOL_INVALID_OPTION', `--listen is ${JSON.stringify(text)}, which is no port.`, {
    hint: 'For example: --listen 9464, or --listen 0.0.0.0:9464 for other machines too.',
  });
}

/**
 * Serves `GET /metrics` until Ctrl-C. The processes are found anew at each scrape.
 *
 * @throws MemtoolError `MEMTOOL_CANNOT_LISTEN`
 */
export async function serveMetrics(target: string | undefined, address: Address, context: Context): Promise<number> {
  let running: Promise<string> | undefined;
  // Scrapes at the same time are one: clients that ask more often than is answered cost the processes nothing.
  const scrape = (): Promise<string> => {
    running ??= collect(target, context).finally(() => (running = undefined));
    return running;
  };
  const server = createServer(
    {
      maxHeaderSize: HEADER_BYTES_MAX,
      headersTimeout: REQUEST_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      connectionsCheckingInterval: 1000,
    },
    (request, response) => void answer(request, response, scrape),
  );
  server.maxConnections = CONNECTIONS_MAX;
  server.timeout = IDLE_TIMEOUT_MS;
  const ending = new Promise<number>((resolve) => {
    process.once('SIGINT', () => resolve(EXIT_INTERRUPTED));
    process.once('SIGTERM', () => resolve(EXIT_NOTHING));
    process.once('SIGHUP', () => resolve(EXIT_NOTHING));
  });
  const url = await listen(server, address);
  tell(url, target, context);
  const code = await ending;
  server.close();
  server.closeAllConnections();
  return code;
}

function listen(server: Server, { host, port }: Address): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      reject(
        new MemtoolError('MEMTOOL_CANNOT_LISTEN', `Port ${port} of ${host} cannot be listened on: ${error.message}.`, {
          hint: 'Give another one; --listen 0 takes any that is free.',
          cause: error,
        }),
      );
    });
    server.listen(port, host, () => {
      const found = server.address();
      resolve(urlOf(typeof found === 'object' && found !== null ? found : { address: host, family: '', port }));
    });
  });
}

function urlOf({ address, family, port }: AddressInfo): string {
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}/metrics`;
}

function tell(url: string, target: string | undefined, { json, output }: Context): void {
  const report: MetricsReport = { schemaVersion: SCHEMA_VERSION, command: 'metrics', processes: [], url };
  const whose =
    target === undefined || target === 'all' ? 'all processes with an agent' : `the processes that ${target} names`;
  output.write(json ? `${JSON.stringify(report)}\n` : `Serving the metrics of ${whose} at ${url}; Ctrl-C ends.\n`);
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  scrape: () => Promise<string>,
): Promise<void> {
  // A body is of no use here, and none is waited for.
  request.resume();
  const [path] = (request.url ?? '').split('?');
  const send = (status: number, text: string, headers: Record<string, string> = {}): void => {
    const contentType = status === 200 ? METRICS_CONTENT_TYPE : 'text/plain; charset=utf-8';
    response.writeHead(status, { 'Content-Type': contentType, 'Cache-Control': 'no-store', ...headers });
    response.end(text);
  };
  if (path !== '/metrics') return send(404, 'The metrics are at /metrics.\n');
  if (request.method !== 'GET' && request.method !== 'HEAD') return send(405, 'Use GET.\n', { Allow: 'GET, HEAD' });
  try {
    send(200, await scrape());
  } catch (error) {
    const { message, hint } = reported(error);
    send(503, `${[message, hint].filter(Boolean).join(' ')}\n`);
  }
}

async function collect(target: string | undefined, context: Context): Promise<string> {
  const processes = await Promise.all((await openNow(target, context)).map((one) => look(one, context.timeoutMs)));
  return `${renderMetrics({ processes })}\n`;
}

/** What a name stands for may not have been started yet, or have ended. */
async function openNow(target: string | undefined, context: Context): Promise<Target[]> {
  try {
    return await open(target, context);
  } catch (error) {
    if (error instanceof MemtoolError && error.code === 'MEMTOOL_NO_PROCESS') return [];
    throw error;
  }
}

async function look(target: Target, timeoutMs: number): Promise<ProcessMetrics | ProcessFailure> {
  try {
    return await metricsOf(target, timeoutMs);
  } catch (error) {
    return { ...identify(target), error: reported(error) };
  }
}
