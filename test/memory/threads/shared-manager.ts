/** A manager that real threads share, with ticks of its own. */
import { expect, onTestFinished } from 'vitest';
import type { MemoryManagerOptions } from '../../../src/memory/manager-options.ts';
import { MemoryManager } from '../../../src/memory/manager.ts';
import { audit } from './audit.ts';
import { keepHandles } from './sides.ts';
import type { Thread } from './thread.ts';

/** Generous, since nothing is asserted about time: a condition holds at last, or the test fails. */
const WAIT_MS = 20_000;

export function makeShared(options: MemoryManagerOptions = {}): MemoryManager {
  const memory = new MemoryManager({
    name: 'test',
    agent: false,
    autoCleanup: false,
    recordsMax: 256 * 1024,
    ...options,
  });
  onTestFinished(() => memory.close());
  keepHandles(memory);
  return memory;
}

export async function eventually(condition: () => boolean | Promise<boolean>, what = ''): Promise<void> {
  await expect.poll(condition, { timeout: WAIT_MS, interval: 5, message: what }).toBe(true);
}

/** What the threads that have ended left is taken over, and so many are there. */
export async function inherited(memory: MemoryManager, alive: number): Promise<void> {
  await eventually(() => {
    memory.inherit();
    return audit([memory], false).threads.length === alive;
  }, 'the rows of the dead are free');
}

/** What the threads were asked for in vain is given back, and the turns of all have ended. */
export async function quiet(...threads: Thread[]): Promise<void> {
  await Promise.all(threads.map((thread) => thread.do('turnEnd')));
}
