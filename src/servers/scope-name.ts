import { createHash } from 'node:crypto';
import { METHODS } from 'node:http';
import { NAME_CHARACTERS_MAX } from '../memory/name.ts';

const KNOWN_METHODS = new Set(METHODS);
const HASH_CHARACTERS = 12;

/**
 * `GET /orders/:id`: the pattern, never the path, so that there are as many names as routes.
 *
 * @param route undefined when none matches, or none is known yet
 */
export function requestName(method: string | undefined, route: string | undefined): string {
  // HTTP/2 lets anything be a method.
  const known = method !== undefined && KNOWN_METHODS.has(method) ? method : 'OTHER';
  return `${known} ${route === undefined || route === '' ? '(no route)' : route}`.slice(0, NAME_CHARACTERS_MAX);
}

/** @returns undefined for nobody. What is too long for a name is cut, and goes on being another's than what begins as it does. */
export function userName(user: string | number | null | undefined): string | undefined {
  if (user === null || user === undefined || user === '') return undefined;
  const name = String(user);
  if (name.length <= NAME_CHARACTERS_MAX) return name;
  const hash = createHash('sha256').update(name).digest('hex').slice(0, HASH_CHARACTERS);
  return `${name.slice(0, NAME_CHARACTERS_MAX - HASH_CHARACTERS - 1)}~${hash}`;
}
