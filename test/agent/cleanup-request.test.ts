import { expect, test } from 'vitest';
import { parseCleanupRequest } from '../../src/agent/cleanup-request.ts';

test('an empty body means the defaults', () => {
  expect(parseCleanupRequest('')).toEqual({ ageSeconds: 300 });
  expect(parseCleanupRequest('{}')).toEqual({ ageSeconds: 300 });
});

test('known fields are taken over', () => {
  const request = { ageSeconds: 0, pool: 'temp', gc: true, dryRun: true, force: false, timeoutMs: 100 };
  expect(parseCleanupRequest(JSON.stringify(request))).toEqual(request);
});

test.each([
  'nonsense',
  '[]',
  'null',
  '"a"',
  '{"dryrun":true}',
  '{"__proto__":1}',
  '{"force":"yes"}',
  '{"ageSeconds":-1}',
  '{"ageSeconds":"300"}',
  '{"timeoutMs":0}',
  '{"pool":""}',
])('%s is refused', (body) => {
  expect(() => parseCleanupRequest(body)).toThrow(expect.objectContaining({ code: 'MEMTOOL_BAD_REQUEST' }));
});
