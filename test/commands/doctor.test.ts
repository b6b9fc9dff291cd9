import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { isFailure, type ErrorReport } from '../../src/report/document.ts';
import type { DoctorReport, Finding, ProcessDiagnosis } from '../../src/report/doctor.ts';
import type { LastReport } from '../../src/report/last.ts';
import { environment, freshDirectory, json, memtool, startAgent, startProgram, type Outcome } from './memtool.ts';

/** Attaching leaves a process alone that is younger. */
const BOOT_MS = 1100;

function fixture(name: string): string {
  return fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));
}

async function begin(words: string[], directory: string): Promise<ChildProcess & { pid: number }> {
  const child = spawn(process.execPath, words, {
    env: environment(directory),
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  if (child.pid === undefined) throw new Error(`${words.join(' ')} did not start`);
  return Object.assign(child, { pid: child.pid });
}

function only(outcome: Outcome): ProcessDiagnosis {
  const [found] = json<DoctorReport>(outcome).processes;
  if (found === undefined || isFailure(found)) throw new Error(outcome.stdout);
  return found;
}

/** The diagnosis that is wanted: an agent takes a moment to listen, and a program one to get ill. */
async function eventually(
  target: number | string,
  directory: string,
  isWanted: (found: ProcessDiagnosis) => boolean,
  flags: string[] = [],
): Promise<{ found: ProcessDiagnosis; outcome: Outcome }> {
  let last = '';
  for (let look = 0; look < 40; look += 1) {
    const outcome = await memtool(['doctor', String(target), '--json', ...flags], directory);
    last = outcome.stdout;
    const report = json<DoctorReport | ErrorReport>(outcome);
    if (!('error' in report)) {
      const found = only(outcome);
      if (isWanted(found)) return { found, outcome };
    }
    await sleep(200);
  }
  throw new Error(`it was not found: ${last}`);
}

function ofKind(found: ProcessDiagnosis, kind: Finding['kind']): Finding | undefined {
  return found.findings.find((one) => one.kind === kind);
}

function isBlockedAndFull(found: ProcessDiagnosis): boolean {
  return ofKind(found, 'blocked') !== undefined && ofKind(found, 'limit-near') !== undefined;
}

describe('a program that is well', () => {
  test('has nothing found, is told where was looked, and exits with 0', async () => {
    const directory = freshDirectory();
    const child = await begin(['--inspect-port=0', fixture('bare.js')], directory);
    await sleep(BOOT_MS);
    const outcome = await memtool(['doctor', String(child.pid)], directory);
    expect([outcome.exitCode, outcome.stderr.split('\n')[0]]).toEqual([
      0,
      `memtool has started its agent in bare.js (${child.pid}). It goes away after 15 minutes without a question, or with \`memtool detach ${child.pid}\`.`,
    ]);
    expect(outcome.stdout).toMatch(/Node \S+ {2}up \d+s {2}1 note\n/);
    expect(outcome.stdout).toMatch(/It takes \d+\.\d MiB in all\. Below 100\.0 MiB only limits/);
    expect(outcome.stdout).toMatch(
      /No limit is near, and nothing leaks for certain\. Looked at: the limit of the\s+V8 heap;/,
    );
    expect(Math.max(...outcome.stdout.split('\n').map(({ length }) => length))).toBeLessThanOrEqual(80);
  });

  test('is not attached to with --no-attach, and it is said how', async () => {
    const directory = freshDirectory();
    const child = await begin(['--inspect-port=0', fixture('bare.js')], directory);
    await sleep(BOOT_MS);
    const outcome = await memtool(['doctor', String(child.pid), '--no-attach', '--json'], directory);
    expect([outcome.exitCode, outcome.stderr]).toEqual([0, '']);
    expect(only(outcome).findings).toMatchObject([
      { kind: 'no-agent', severity: 'note', next: [{ command: `memtool attach ${child.pid}` }] },
    ]);
  });

  test('of another language is looked at from outside', async () => {
    const child = spawn('sleep', ['60'], { stdio: 'ignore' });
    onTestFinished(() => void child.kill('SIGKILL'));
    const outcome = await memtool(['doctor', String(child.pid), '--json'], freshDirectory());
    expect(outcome.exitCode).toBe(0);
    expect(only(outcome).findings[0]?.title).toMatch(/^It is not a Node\.js process/);
  });
});

describe('pools', () => {
  test('near a limit, with who holds it and what to type', async () => {
    const directory = freshDirectory();
    const child = await begin([fixture('pools.js'), 'stay'], directory);
    const isNear = (one: ProcessDiagnosis): boolean => ofKind(one, 'limit-near') !== undefined;
    const { found, outcome } = await eventually(child.pid, directory, isNear);
    expect([outcome.exitCode, outcome.stderr]).toEqual([1, '']);
    expect(found).toMatchObject({ name: 'orders', declined: expect.stringMatching(/^It takes/) });
    expect(ofKind(found, 'limit-near')).toMatchObject({
      severity: 'warning',
      certainty: 'certain',
      title: 'The pool cache is at 90.0 % of its limit (90.0 MiB of 100.0 MiB).',
      next: [
        { command: `memtool leaks ${child.pid} --age 0` },
        { command: `memtool cleanup ${child.pid} --pool cache` },
      ],
    });
  });

  test('lost memory is certain, and the command that is advised gives it back', async () => {
    const directory = freshDirectory();
    const child = await begin(['--expose-gc', fixture('losing.js')], directory);
    await once(child.stdout ?? child, 'data');
    const { found } = await eventually(child.pid, directory, (one) => ofKind(one, 'lost') !== undefined);
    const lost = ofKind(found, 'lost');
    expect(lost).toMatchObject({ severity: 'warning', certainty: 'certain' });
    expect(lost?.title).toMatch(/in the pool query are lost: \d+ records with the tag join-rows were never freed/);
    expect(lost?.cause).toMatch(/^Held for \d+ queries of user ben/);
    const advised = lost?.next[0]?.command?.split(' ').slice(1) ?? [];
    expect((await memtool(advised, directory)).stdout).toMatch(/lost +query +join-rows/);
    const after = only(await memtool(['doctor', String(child.pid), '--json'], directory));
    expect(ofKind(after, 'lost')?.title).toMatch(/were lost in the pool query since the start/);
  });

  test('what outlived its query, and scopes near their limits', async () => {
    const directory = freshDirectory();
    const child = await begin([fixture('scopes.js')], directory);
    await once(child.stdout ?? child, 'data');
    const { found } = await eventually(child.pid, directory, (one) => ofKind(one, 'orphaned') !== undefined);
    expect(ofKind(found, 'orphaned')).toMatchObject({ certainty: 'certain', evidence: { tag: 'profile-rows' } });
    expect(found.findings.map(({ title }) => title).join()).toMatch(/The query q-17 is at 87\.9 % of its limit/);
  });
});

test('a leak of the heap is told by its function, and leads to what keeps it', async () => {
  const directory = freshDirectory();
  const child = await begin(['--inspect-port=0', fixture('truth/audit-log.js')], directory);
  await once(child.stdout ?? child, 'data');
  await sleep(BOOT_MS);
  const attached = await memtool(['attach', String(child.pid), '--sample', '16KiB'], directory);
  expect(attached.exitCode).toBe(0);
  const early = only(await memtool(['doctor', String(child.pid), '--json'], directory));
  expect(early.declined).toMatch(/^It has been up for \d+s\.|^It takes/);
  const flags = ['--age', '10', '--max-pause', '10s', '--timeout', '20'];
  const { found } = await eventually(child.pid, directory, (one) => ofKind(one, 'heap-growth') !== undefined, flags);
  const growth = ofKind(found, 'heap-growth');
  expect(growth?.title).toMatch(/(changeOrder|record).* keeps \d+\.\d [KM]iB on the heap/);
  expect(growth?.next.at(-1)?.command).toMatch(/^memtool leaks \d+ --retainers \w+$/);
}, 90_000);

test('the heap of a worker near its limit', async () => {
  const directory = freshDirectory();
  const child = await begin(['--inspect-port=0', fixture('heavy-workers.js')], directory);
  await once(child.stdout ?? child, 'data');
  await sleep(BOOT_MS);
  const found = only(await memtool(['doctor', String(child.pid), '--json'], directory));
  expect(ofKind(found, 'worker-heap-near')).toMatchObject({
    severity: 'warning',
    title: expect.stringMatching(/^The heap of worker \d+ \(importer\) is at \d+\.\d % of its limit/),
  });
});

describe('a main thread that does not come back', () => {
  test('in an endless loop is possible', async () => {
    const directory = freshDirectory();
    const child = await begin([fixture('pools.js'), 'spin'], directory);
    const { found } = await eventually(child.pid, directory, (one) => ofKind(one, 'blocked') !== undefined);
    expect(ofKind(found, 'blocked')).toMatchObject({ severity: 'warning', certainty: 'possible' });
  }, 60_000);

  test('in a native call is likely, and what is known is told all the same', async () => {
    const directory = freshDirectory();
    const child = await begin([fixture('pools.js'), 'native', '60'], directory);
    // Before its agent listens, only that it does not answer is known.
    const { found, outcome } = await eventually(child.pid, directory, isBlockedAndFull);
    expect(found.findings.slice(0, 2).map(({ kind }) => kind)).toEqual(['blocked', 'limit-near']);
    expect(found.unavailable).toMatchObject({ heap: 'main thread is inside a native call' });
    expect(outcome.exitCode).toBe(1);
  }, 60_000);
});

test('an agent that does not answer is diagnosed from outside, and the exit code is that of a finding', async () => {
  const directory = freshDirectory();
  const { pid } = await startAgent('hung', directory);
  const outcome = await memtool(['doctor', String(pid), '--timeout', '0.3', '--json'], directory);
  expect([outcome.exitCode, outcome.stderr]).toEqual([1, '']);
  expect(only(outcome).findings).toMatchObject([
    { kind: 'agent-failed', severity: 'warning', next: [{ command: `memtool doctor ${pid} --timeout 30` }] },
  ]);
});

describe('what has ended', () => {
  test('is found by its name in its black box, which its successor is warned of', async () => {
    const directory = freshDirectory();
    const first = await begin(['--max-old-space-size=40', fixture('black-box.js'), 'heap'], directory);
    await once(first.stdout ?? first, 'data');
    // Not asked meanwhile: a reading of its heap would have it collect.
    await expect
      .poll(
        async () => {
          const { stdout } = await memtool(['last', String(first.pid), '--json'], directory);
          const [box] = json<LastReport | ErrorReport>({ stdout }).processes;
          return box && 'history' in box ? box.history.seconds.length : 0;
        },
        { timeout: 30_000 },
      )
      .toBeGreaterThan(1);
    const closed = once(first, 'exit');
    first.stdin?.write('\n');
    await closed;
    const gone = await memtool(['doctor', 'orders', '--json'], directory);
    expect([gone.exitCode, gone.stderr]).toEqual([1, '']);
    expect(only(gone)).toMatchObject({
      pid: first.pid,
      findings: [{ kind: 'ended', next: [{ command: `memtool last ${first.pid}` }, {}] }],
    });
    // By the figures of its last second, that is: on a machine that is very busy they may be too old to tell.
    const isOfMemory = only(gone).findings[0]?.severity === 'critical';
    const second = await begin([fixture('black-box.js'), 'stay'], directory);
    await once(second.stdout ?? second, 'data');
    const { found } = await eventually(second.pid, directory, (one) => ofKind(one, 'limit-near') !== undefined);
    const title = ofKind(found, 'died-before')?.title ?? '';
    expect(/^A process of this name ended .*ago because its V8 heap was full\.$/.test(title)).toBe(isOfMemory);
  }, 90_000);

  test('without a trace is a failure, with what to do', async () => {
    for (const words of [['doctor'], ['doctor', 'nobody']]) {
      const outcome = await memtool([...words, '--json'], freshDirectory());
      expect(outcome.exitCode).toBe(2);
      expect(json<ErrorReport>(outcome)).toMatchObject({ command: 'doctor', error: { code: 'MEMTOOL_NO_PROCESS' } });
    }
  });
});

test('without a target the worst is first, and those that are well are one line each', async () => {
  const directory = freshDirectory();
  const calm = await startProgram(
    ['--input-type=module', '-e', `import { MemoryManager } from '${new URL('../../dist/index.js', import.meta.url).href}';
      globalThis.memory = new MemoryManager({ name: 'calm' }); setInterval(() => {}, 1000); console.log('ready');`],
    directory,
  ); // prettier-ignore
  const ill = await begin([fixture('pools.js'), 'stay'], directory);
  await eventually(ill.pid, directory, (one) => ofKind(one, 'limit-near') !== undefined);
  await eventually(calm.pid, directory, () => true);
  const outcome = await memtool(['doctor'], directory);
  expect([outcome.exitCode, outcome.stderr]).toEqual([1, '']);
  const lines = outcome.stdout.trimEnd().split('\n');
  expect(lines[0]).toMatch(/^orders {2}pid \d+ .* 1 warning(, 1 note)?$/);
  expect(outcome.stdout).toMatch(/^calm {2}pid \d+ .*\s+no limit near, no leak certain(, 1 note)?\n\n/m);
  expect(lines.at(-1)).toBe('All of one: `memtool doctor <pid>`');
});

describe('in a control group', () => {
  const group = join('/sys/fs/cgroup/memory', `memtool-doctor-${process.pid}`);
  const limitBytes = 180 * 1024 ** 2;
  const canLimit = ((): boolean => {
    try {
      mkdirSync(group);
      writeFileSync(join(group, 'memory.limit_in_bytes'), String(limitBytes));
      return true;
    } catch {
      return false;
    } finally {
      if (existsSync(group)) rmdirSync(group);
    }
  })();

  test.skipIf(!canLimit)(
    'that is nearly full, and less than its heap may take (needs root and version 1)',
    async () => {
      const directory = freshDirectory();
      mkdirSync(group);
      writeFileSync(join(group, 'memory.limit_in_bytes'), String(limitBytes));
      const code = `setTimeout(() => { globalThis.held = Buffer.alloc(${150 * 1024 ** 2}, 1); console.log('ready'); }, 500); setInterval(() => {}, 1000);`;
      const child = await begin(['--inspect-port=0', '-e', code], directory);
      writeFileSync(join(group, 'cgroup.procs'), String(child.pid));
      await once(child.stdout ?? child, 'data');
      await sleep(BOOT_MS);
      const found = only(await memtool(['doctor', String(child.pid), '--json'], directory));
      expect(found.findings.map(({ kind }) => kind)).toEqual(
        expect.arrayContaining(['container-near', 'heap-limit-too-high']),
      );
      expect(ofKind(found, 'heap-limit-too-high')?.next[0]?.command).toBe('node --max-old-space-size=135 app.js');
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
      await expect
        .poll(() => {
          rmdirSync(group);
          return existsSync(group);
        })
        .toBe(false);
    },
  );
});
