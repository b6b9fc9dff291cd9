import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { askLeaks, askStats } from '../../src/inspect/client.ts';
import { discover, type AgentTarget } from '../../src/inspect/discover.ts';
import { freshDirectory, startProgram } from '../commands/memtool.ts';

const AGENT = new URL('../../dist/agent.js', import.meta.url).href;
const PROGRAM = fileURLToPath(new URL('../fixtures/truth/session-store.js', import.meta.url));
const READINGS = 40;
const WARM_UP_READINGS = 10;
const TIMEOUT_MS = 20_000;
/** What its heap may go up and down by between two collections of its own. */
const NOISE_BYTES = 6 * 1024 * 1024;

/** Readings as fast as they are made; marks of time are set and released with each. */
test('an agent that is asked again and again does not grow', async () => {
  const directory = freshDirectory();
  const child = await startProgram(['--import', AGENT, PROGRAM], directory);
  const agent = await agentOf(child.pid, directory);
  const bytes: number[] = [];
  const read = new Set<string>();
  while (read.size < READINGS) {
    const { heap } = await askLeaks(agent, TIMEOUT_MS, 0, 60);
    if (heap) read.add(heap.readAt);
    bytes[read.size] = (await askStats(agent, TIMEOUT_MS)).memtoolBytes ?? Number.NaN;
    await sleep(100);
  }
  const early = median(bytes.slice(WARM_UP_READINGS, WARM_UP_READINGS + 10));
  const late = median(bytes.slice(-10));
  expect(late - early, `${early} bytes after ${WARM_UP_READINGS} readings, ${late} after ${READINGS}`).toBeLessThan(
    NOISE_BYTES,
  );
});

/** It listens a moment after the program has begun. */
async function agentOf(pid: number, directory: string): Promise<AgentTarget> {
  for (let poll = 0; poll < 200; poll += 1) {
    const agent = (await discover(directory)).find((one) => one.pid === pid);
    if (agent) return agent;
    await sleep(50);
  }
  throw new Error('its agent does not listen');
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}
