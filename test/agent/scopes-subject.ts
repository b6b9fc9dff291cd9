import { once } from 'node:events';
import { onTestFinished } from 'vitest';
import { FIXTURES, Subject } from './subject.ts';

/**
 * A real process with open scopes and an agent, once what outlived its query is known; it ends with the test.
 *
 * @param more - Users with a query each, beside those of test/fixtures/scopes.js.
 */
export async function startScopes(more = 0): Promise<Subject> {
  const subject = new Subject([`${FIXTURES}scopes.js`, String(more)]);
  onTestFinished(() => subject.end());
  if (subject.child.stdout) await once(subject.child.stdout, 'data');
  await subject.appeared('.sock');
  return subject;
}
