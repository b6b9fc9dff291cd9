import { expect, onTestFinished } from 'vitest';
import type { Health } from '../../src/protocol.ts';
import { FIXTURES, Subject } from './subject.ts';

/** A real process with managers in worker threads, once all of them are there; it ends with the test. See test/fixtures/workers.js. */
export async function startWorkers(main: string, ...workers: string[]): Promise<Subject> {
  return ready(new Subject([`${FIXTURES}workers.js`, main, ...workers]));
}

export async function ready(subject: Subject): Promise<Subject> {
  onTestFinished(() => subject.end());
  expect(await subject.line()).toBe('ready');
  return subject;
}

/** What a thread says reaches the agent a moment later. */
export async function shows(subject: Subject, names: string[]): Promise<void> {
  const shown = async (): Promise<string[]> => (await subject.json<Health>('/v1/health')).managers.toSorted();
  await expect.poll(shown, { timeout: 20_000 }).toEqual(names);
}
