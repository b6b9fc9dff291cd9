import { MemtoolError } from '../errors.ts';
import { DEFAULT_AGE_SECONDS, ENDPOINTS, type CleanupRequest } from '../protocol.ts';
import { parseSeconds } from '../units.ts';
import { badRequest, parseCleanupRequest } from './cleanup-request.ts';
import { METRICS_CONTENT_TYPE } from './metrics.ts';

/** What can be asked of the agent; the answers go out as JSON, as they are. */
export interface Verbs {
  health(): object;
  stats(): Promise<object>;
  pressure(): Promise<object>;
  leaks(ageSeconds: number): object;
  cleanup(request: CleanupRequest): Promise<object>;
  metrics(): Promise<string>;
}

export interface Response {
  status: number;
  body: string;
  contentType?: string;
  headers?: Record<string, string>;
}

interface Route {
  method: 'GET' | 'POST';
  answer(verbs: Verbs, query: URLSearchParams, body: string): Promise<Response> | Response;
}

const ROUTES: Record<string, Route> = {
  [ENDPOINTS.health]: { method: 'GET', answer: (verbs) => json(verbs.health()) },
  [ENDPOINTS.stats]: { method: 'GET', answer: async (verbs) => json(await verbs.stats()) },
  [ENDPOINTS.pressure]: { method: 'GET', answer: async (verbs) => json(await verbs.pressure()) },
  [ENDPOINTS.leaks]: { method: 'GET', answer: (verbs, query) => json(verbs.leaks(readAge(query))) },
  [ENDPOINTS.cleanup]: {
    method: 'POST',
    answer: async (verbs, _query, body) => json(await verbs.cleanup(parseCleanupRequest(body))),
  },
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

function readAge(query: URLSearchParams): number {
  const values = query.getAll('age');
  const [value = String(DEFAULT_AGE_SECONDS)] = values;
  if (values.length > 1) throw badRequest('`age` is given more than once.');
  try {
    return parseSeconds(value, '`age`');
  } catch (error) {
    if (error instanceof MemtoolError) throw badRequest(error.message, error.hint);
    throw error;
  }
}
