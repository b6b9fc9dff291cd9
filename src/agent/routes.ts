import { MemtoolError } from '../errors.ts';
import { METRICS_CONTENT_TYPE } from '../metrics/text.ts';
import {
  DEFAULT_AGE_SECONDS,
  ENDPOINTS,
  TRACK_SECONDS_MAX,
  PAUSE_SECONDS_DEFAULT,
  GC_SECONDS_MAX,
  SCOPE_QUERY_DEFAULT,
  type CleanupRequest,
  type ScopeQuery,
  type StatsExtent,
} from '../protocol.ts';
import { isScopeSort, SCOPE_SORTS, SCOPES_LISTED_MAX } from '../report/scopes.ts';
import { parseSeconds } from '../units.ts';
import { badRequest, parseCleanupRequest } from './cleanup-request.ts';
import type { SnapshotSink } from './probes/heap-tracker.ts';

/** What can be asked of the agent; the answers go out as JSON, as they are. */
export interface Verbs {
  health(): object;
  stats(scopes: ScopeQuery, extent: StatsExtent): Promise<object>;
  pressure(): Promise<object>;
  leaks(ageSeconds: number, pauseMsMax: number): Promise<object>;
  profile(pauseMsMax: number): Promise<object>;
  snapshot(seconds: number): (sink: SnapshotSink) => Promise<void>;
  cleanup(request: CleanupRequest): Promise<object>;
  metrics(): Promise<string>;
  detach(): object;
}

export interface Response {
  status: number;
  body: string;
  contentType?: string;
  headers?: Record<string, string>;
  /** Comes after `body`, piece by piece; its end is that of the connection. */
  stream?: (sink: SnapshotSink) => Promise<void>;
}

interface Route {
  method: 'GET' | 'POST';
  answer(verbs: Verbs, query: URLSearchParams, body: string): Promise<Response> | Response;
}

const ROUTES: Record<string, Route> = {
  [ENDPOINTS.health]: { method: 'GET', answer: (verbs) => json(verbs.health()) },
  [ENDPOINTS.stats]: {
    method: 'GET',
    answer: async (verbs, query) => json(await verbs.stats(readScopes(query), readExtent(query))),
  },
  [ENDPOINTS.pressure]: { method: 'GET', answer: async (verbs) => json(await verbs.pressure()) },
  [ENDPOINTS.leaks]: {
    method: 'GET',
    answer: async (verbs, query) => json(await verbs.leaks(readAge(query), readPause(query))),
  },
  [ENDPOINTS.profile]: { method: 'GET', answer: async (verbs, query) => json(await verbs.profile(readPause(query))) },
  [ENDPOINTS.snapshot]: {
    method: 'POST',
    answer: (verbs, query) => ({
      status: 200,
      body: '',
      contentType: 'application/octet-stream',
      stream: verbs.snapshot(readTrackSeconds(query)),
    }),
  },
  [ENDPOINTS.cleanup]: {
    method: 'POST',
    answer: async (verbs, _query, body) => json(await verbs.cleanup(parseCleanupRequest(body))),
  },
  [ENDPOINTS.detach]: { method: 'POST', answer: (verbs) => json(verbs.detach()) },
  [ENDPOINTS.metrics]: {
    method: 'GET',
    answer: async (verbs) => ({ status: 200, body: await verbs.metrics(), contentType: METRICS_CONTENT_TYPE }),
  },
};

/** Answers one request. Never rejects: whatever goes wrong is an answer too. */
export async function answer(verbs: Verbs, method: string, target: string, body: string): Promise<Response> {
  try {
    const { pathname, searchParams } = parseTarget(target);
    const route = Object.hasOwn(ROUTES, pathname) ? ROUTES[pathname] : undefined;
    if (!route) {
      throw new MemtoolError('MEMTOOL_NOT_FOUND', `There is nothing at ${pathname}.`, {
        hint: `There are: ${Object.keys(ROUTES).join(', ')}.`,
      });
    }
    // Without its body, which node leaves out, HEAD is GET.
    if (method !== route.method && !(method === 'HEAD' && route.method === 'GET')) {
      const allowed = route.method === 'GET' ? 'GET, HEAD' : route.method;
      const refusal = badRequest(`${pathname} does not take ${method}.`, `Use ${route.method}.`);
      return { ...failure(refusal), status: 405, headers: { Allow: allowed } };
    }
    return await route.answer(verbs, searchParams, body);
  } catch (error) {
    return failure(error);
  }
}

/** @returns The failure as `{ "error": { code, message, hint } }`, with the status that its code calls for. */
export function failure(error: unknown): Response {
  const known = error instanceof MemtoolError ? error : internal(error);
  const { code, message, hint = null } = known;
  return { ...json({ error: { code, message, hint } }), status: STATUS[code] ?? 500 };
}

const STATUS: Partial<Record<string, number>> = {
  MEMTOOL_BAD_REQUEST: 400,
  MEMTOOL_UNKNOWN_POOL: 400,
  MEMTOOL_NOT_FOUND: 404,
  MEMTOOL_BUSY: 503,
  MEMTOOL_UNAVAILABLE: 503,
};

function internal(error: unknown): MemtoolError {
  const message = error instanceof Error ? error.message : String(error);
  return new MemtoolError('MEMTOOL_INTERNAL', `The agent could not answer: ${message}`, { cause: error });
}

function json(value: object): Response {
  return { status: 200, body: `${JSON.stringify(value)}\n` };
}

function parseTarget(target: string): URL {
  try {
    // Two slashes at the start would name a host.
    return new URL(target.startsWith('/') ? `http://memtool${target}` : target);
  } catch {
    throw badRequest('The request target is no path.');
  }
}

function readScopes(query: URLSearchParams): ScopeQuery {
  const count = single(query, 'scopes') ?? String(SCOPE_QUERY_DEFAULT.count);
  const sort = single(query, 'sort') ?? SCOPE_QUERY_DEFAULT.sort;
  if (!/^\d{1,4}$/.test(count) || Number(count) > SCOPES_LISTED_MAX) {
    throw badRequest(`\`scopes\` is ${JSON.stringify(count)}.`, `Give a number from 0 to ${SCOPES_LISTED_MAX}.`);
  }
  if (!isScopeSort(sort)) {
    throw badRequest(`\`sort\` is ${JSON.stringify(sort)}.`, `Give one of ${Object.keys(SCOPE_SORTS).join(', ')}.`);
  }
  return { count: Number(count), sort };
}

function readExtent(query: URLSearchParams): StatsExtent {
  const workers = single(query, 'workers') ?? '1';
  if (workers !== '0' && workers !== '1')
    throw badRequest(`\`workers\` is ${JSON.stringify(workers)}.`, 'Give 0 or 1.');
  const gcSeconds = readSeconds(query, 'gc', 0);
  if (gcSeconds > GC_SECONDS_MAX) throw badRequest(`\`gc\` is ${gcSeconds}.`, `Give at most ${GC_SECONDS_MAX}.`);
  return { workers: workers === '1', gcSeconds };
}

function readAge(query: URLSearchParams): number {
  return readSeconds(query, 'age', DEFAULT_AGE_SECONDS);
}

function readPause(query: URLSearchParams): number {
  return readSeconds(query, 'max-pause', PAUSE_SECONDS_DEFAULT) * 1000;
}

function readTrackSeconds(query: URLSearchParams): number {
  const seconds = readSeconds(query, 'seconds', 5);
  if (seconds <= TRACK_SECONDS_MAX) return seconds;
  throw badRequest(`\`seconds\` is ${seconds}.`, `Give at most ${TRACK_SECONDS_MAX}.`);
}

function readSeconds(query: URLSearchParams, name: string, otherwise: number): number {
  const value = single(query, name) ?? String(otherwise);
  try {
    return parseSeconds(value, `\`${name}\``);
  } catch (error) {
    if (error instanceof MemtoolError) throw badRequest(error.message, error.hint);
    throw error;
  }
}

function single(query: URLSearchParams, name: string): string | undefined {
  const values = query.getAll(name);
  if (values.length > 1) throw badRequest(`\`${name}\` is given more than once.`);
  return values[0];
}
