import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { isFailure } from '../../src/report/document.ts';
import type { Leak, LeaksReport, ProcessLeaks } from '../../src/report/leaks.ts';
import { freshDirectory, json, memtool, startProgram } from './memtool.ts';

const BOOT_MS = 1100;
const READY = "console.log('ready');";
/** A place that keeps 0.8 MB a second, one that was filled at the start, and what comes and goes. */
const LEAKING = `
  const kept = [];
  function remember(id) { kept.push({ id, note: 'order ' + id, lines: new Array(100).fill(id) }); }
  const catalog = [];
  function fill() { for (let id = 0; id < 5000; id += 1) catalog.push({ id, words: new Array(50).fill(id) }); }
  fill();
  let id = 0;
  function arrive() {
    for (let count = 0; count < 10; count += 1) remember(id++);
    const passing = [];
    for (let count = 0; count < 500; count += 1) passing.push({ count, words: new Array(10).fill(count) });
    return passing.length;
  }
  setInterval(arrive, 10);
  ${READY}`;

async function attached(code: string, directory: string, flags: string[] = []) {
  const child = await startProgram(['--inspect-port=0', '-e', code], directory);
  await sleep(BOOT_MS);
  // On a busy machine it takes over two seconds, and then shows its progress; not so in JSON.
  const outcome = await memtool(['attach', String(child.pid), '--json', ...flags], directory);
  expect([outcome.exitCode, outcome.stderr]).toEqual([0, '']);
  return child;
}

async function leaksOf(pid: number, directory: string, flags: string[] = []): Promise<ProcessLeaks> {
  const outcome = await memtool(['leaks', String(pid), '--json', '--timeout', '20', ...flags], directory);
  const [found] = json<LeaksReport>(outcome).processes;
  if (found === undefined || isFailure(found)) throw new Error(outcome.stdout);
  return found;
}

function rowOf({ leaks }: ProcessLeaks, fn: string): Leak | undefined {
  return leaks.find(({ stack }) => stack.some((frame) => frame.startsWith(`${fn} (`)));
}

describe('the heap of a process that never heard of memtool', () => {
  test('is watched for as long as it takes, and its leak is told by the function that makes it', async () => {
    const directory = freshDirectory();
    const child = await attached(LEAKING, directory, ['--sample', '16KiB']);
    const outcome = await memtool(
      ['leaks', String(child.pid), '--age', '11', '--wait', '--json', '--max-pause', '10s'],
      directory,
    );
    expect([outcome.exitCode, outcome.stderr]).toEqual([1, '']);
    const [found] = json<LeaksReport>(outcome).processes;
    if (found === undefined || isFailure(found)) throw new Error(outcome.stdout);
    expect(found.heap?.watchedSeconds).toBeGreaterThan(15);
    const leaked = rowOf(found, 'remember') ?? rowOf(found, 'arrive');
    expect(leaked).toMatchObject({ source: 'heap', kind: 'growing', verdict: 'leak' });
    expect(leaked?.reason).toMatch(
      /^\d+ of \d+ epochs have survivors, \+.* MiB\/min .*(none|1 % of what was there) freed since/,
    );
    expect(leaked?.oldestAgeSeconds).toBeGreaterThan(11);
    const text = await memtool(['leaks', String(child.pid), '--age', '5'], directory);
    expect(text.exitCode).toBe(1);
    expect(text.stdout).toMatch(/leak +growing +heap/);
    expect(text.stdout).toContain('What leaks on the heap only the program can let go of');
  }, 60_000);

  test('is not said to be free of what nobody has watched for', async () => {
    const directory = freshDirectory();
    const child = await attached(LEAKING, directory);
    const text = await memtool(['leaks', String(child.pid)], directory);
    expect(text.stdout).not.toContain('No leaks');
    expect(text.stdout).toContain('cannot be told yet');
    expect(text.stdout).toContain(`\`memtool leaks ${child.pid} --wait\``);
  });

  test('is read in an endless loop', async () => {
    const directory = freshDirectory();
    const code = `const kept = []; ${READY}
      setTimeout(() => { for (let id = 0; ; id += 1) if (id % 1000 === 0 && kept.length < 3e6) kept.push({ id }); }, 2500);`;
    const child = await attached(code, directory, ['--sample', '16KiB']);
    await sleep(2500);
    const found = await leaksOf(child.pid, directory, ['--age', '0']);
    expect(found.heap).toMatchObject({ sampleBytes: 16 * 1024, liveBytes: expect.any(Number) });
    expect(found.unavailable).not.toHaveProperty('heap');
    expect(child.exitCode).toBeNull();
  });

  test('is not read where that would hold it up for too long', async () => {
    const directory = freshDirectory();
    const child = await attached(LEAKING, directory);
    const found = await leaksOf(child.pid, directory, ['--max-pause', '1ms']);
    expect(found.unavailable?.['heap']).toMatch(/^a reading would have the main thread stand still for about \d+ms/);
    expect(found.heap).toBeUndefined();
  });

  test('is not sampled where that was refused', async () => {
    const directory = freshDirectory();
    const child = await attached(LEAKING, directory, ['--sample', '0']);
    const found = await leaksOf(child.pid, directory);
    expect(found.unavailable?.['heap']).toContain('switched off');
  });
});

const OTHERS = `
  const { Session } = require('node:inspector');
  const session = new Session();
  session.connect();`;

describe('a sampler of somebody else', () => {
  test('is used, and goes on when the agent has gone', async () => {
    const directory = freshDirectory();
    const code = `${OTHERS}
      session.post('HeapProfiler.startSampling', { samplingInterval: 16384 });
      ${LEAKING}
      process.on('SIGUSR2', () => session.post('HeapProfiler.getSamplingProfile', (error) => console.log(error ? 'stopped' : 'runs')));`;
    const child = await attached(code, directory);
    await sleep(3000);
    const found = await leaksOf(child.pid, directory, ['--age', '0']);
    expect(found.heap).toMatchObject({ sampleBytes: null });
    expect(rowOf(found, 'remember') ?? rowOf(found, 'arrive')).toBeDefined();
    expect((await memtool(['detach', String(child.pid)], directory)).exitCode).toBe(0);
    const said = new Promise((resolve) =>
      child.stdout?.once('data', (text: Buffer) => resolve(text.toString().trim())),
    );
    child.kill('SIGUSR2');
    expect(await said).toBe('runs');
  });

  test('that is stopped stops ours, which is started again and says so', async () => {
    const directory = freshDirectory();
    const code = `${LEAKING} process.on('SIGUSR2', () => { ${OTHERS}
      session.post('HeapProfiler.startSampling', () => session.post('HeapProfiler.stopSampling', () => console.log('done'))); });`;
    const child = await attached(code, directory);
    const stopped = new Promise((resolve) => child.stdout?.once('data', resolve));
    child.kill('SIGUSR2');
    await stopped;
    const found = await leaksOf(child.pid, directory, ['--age', '0']);
    expect(found.unavailable?.['heap']).toContain('has just been started again');
    expect(await leaksOf(child.pid, directory, ['--age', '0'])).toMatchObject({ heap: { sampleBytes: 512 * 1024 } });
  });
});

test.each([
  [['--wait', '--watch'], 'cannot be used together'],
  [['--max-pause', '2m'], 'must be at most 1m'],
  [['--wait', '--age', '1d'], 'more than a day'],
])('leaks %j is refused', async (flags, message) => {
  const outcome = await memtool(['leaks', ...flags], freshDirectory());
  expect([outcome.exitCode, outcome.stderr]).toEqual([2, expect.stringContaining(message)]);
});

test.each(['1KiB', '65MiB', 'much'])('attach --sample %s is refused', async (sample) => {
  const outcome = await memtool(['attach', String(process.pid), '--sample', sample], freshDirectory());
  expect([outcome.exitCode, outcome.stderr]).toEqual([2, expect.stringContaining('--sample')]);
});
