import { MemtoolError } from '../errors.ts';
import { DEFAULT_AGE_SECONDS, type CleanupRequest } from '../protocol.ts';

type Check = [isValid: (value: unknown) => boolean, wanted: string];

const isBoolean: Check = [(value) => typeof value === 'boolean', 'true or false'];

const CHECKS: { [Field in keyof CleanupRequest]-?: Check } = {
  ageSeconds: [
    (value) => typeof value === 'number' && Number.isFinite(value) && value >= 0,
    'a number of seconds, 0 or more',
  ],
  pool: [(value) => typeof value === 'string' && value !== '', 'the name of a pool'],
  gc: isBoolean,
  dryRun: isBoolean,
  force: isBoolean,
  timeoutMs: [
    (value) => typeof value === 'number' && Number.isFinite(value) && value > 0,
    'a number of milliseconds above 0',
  ],
};

const checks: ReadonlyMap<string, Check> = new Map(Object.entries(CHECKS));

/**
 * Reads the body of `POST /v1/cleanup`; an empty one means the defaults. What it does not know it refuses: a misspelt
 * `dryRun` must not become a real one.
 *
 * @throws MemtoolError `MEMTOOL_BAD_REQUEST`
 */
export function parseCleanupRequest(body: string): CleanupRequest {
  const fields = body.trim() === '' ? {} : parseObject(body);
  for (const [field, value] of Object.entries(fields)) {
    const check = checks.get(field);
    if (!check)
      throw badRequest(`The body has an unknown field "${field}".`, `Known are: ${Object.keys(CHECKS).join(', ')}.`);
    const [isValid, wanted] = check;
    if (!isValid(value)) throw badRequest(`The field "${field}" is ${JSON.stringify(value)}.`, `Give ${wanted}.`);
  }
  return { ageSeconds: DEFAULT_AGE_SECONDS, ...fields };
}

function parseObject(body: string): object {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch (error) {
    throw badRequest(
      `The body is not JSON: ${error instanceof Error ? error.message : String(error)}.`,
      'Send an object.',
    );
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw badRequest('The body is no object.', 'Send {}.');
  return value;
}

export function badRequest(message: string, hint?: string): MemtoolError {
  return new MemtoolError('MEMTOOL_BAD_REQUEST', message, { hint });
}
