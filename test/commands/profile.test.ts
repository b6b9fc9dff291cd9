import { lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import type { ErrorReport } from '../../src/report/document.ts';
import type { HeapProfile, HeapProfileNode, ProcessExport, ProfileReport } from '../../src/report/profile.ts';
import { BIN, environment, freshDirectory, json, startProgram, type Outcome } from './memtool.ts';

const AGENT = new URL('../../dist/agent.js', import.meta.url).href;

/** Keeps 16 MiB that `holdRows` has allocated. */
const HOLDING = `
  const held = [];
  function holdRows() { for (let row = 0; row < 1024; row += 1) held.push(new Array(2048).fill(row)); }
  holdRows();
  console.log('ready');
  setInterval(() => {}, 1000);
`;

/** A machine with much else to do makes every answer and every pause longer. */
const PATIENTLY = ['--timeout', '25', '--max-pause', '25s'];

interface Subject {
  pid: number;
  /** Where its socket is. */
  sockets: string;
  /** Where memtool is typed. */
  here: string;
}

async function subject(): Promise<Subject> {
  const sockets = freshDirectory();
  const child = await startProgram(['--import', AGENT, '-e', HOLDING], sockets);
  return { pid: child.pid, sockets, here: freshDirectory() };
}

function profile({ pid, sockets, here }: Subject, ...words: string[]): Promise<Outcome & { bytes: Buffer }> {
  const child = spawn(process.execPath, [BIN, 'profile', String(pid), ...PATIENTLY, ...words], {
    cwd: here,
    env: environment(sockets),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const stdout: Buffer[] = [];
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  return new Promise((resolve) => {
    child.once('close', (exitCode) => {
      const bytes = Buffer.concat(stdout);
      resolve({ bytes, stdout: bytes.toString(), stderr, exitCode });
    });
  });
}

function first(outcome: Outcome): ProcessExport {
  const [found] = json<ProfileReport>(outcome).processes;
  if (!found || 'error' in found) throw new Error(outcome.stdout);
  return found;
}

function bytesOf(head: HeapProfileNode, name: string): number {
  const own = head.callFrame.functionName === name ? head.selfSize : 0;
  return head.children.reduce((sum, child) => sum + bytesOf(child, name), own);
}

describe('profile', () => {
  test('writes a .heapprofile here, and says how much it shows, for how long, at what cost', async () => {
    const found = await subject();
    const { stdout, stderr, exitCode } = await profile(found);
    expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 });
    const [file = '', ...others] = readdirSync(found.here);
    expect([file, others]).toEqual([`eval-${found.pid}.heapprofile`, []]);
    expect(stdout.replace(/\s+/g, ' ')).toMatch(
      /Wrote eval-\d+\.heapprofile: a DevTools heap profile, .* stopped the application for .* It shows \d+\.\d MiB that are alive, told from \d+ samples, one every 512\.0 KiB\. The heap has been watched for/,
    );
    const written: HeapProfile = JSON.parse(readFileSync(join(found.here, file), 'utf8'));
    // 16 MiB of samples of 512 KiB: 32 on average, and below 8 once in 10^7 runs.
    expect(bytesOf(written.head, 'holdRows')).toBeGreaterThan(4 * 1024 * 1024);
    expect(JSON.stringify(written)).not.toContain('memtoolEpoch');
  });

  test.each(['heapprofile', 'pprof', 'flamegraph'] as const)('--json tells what was written: %s', async (format) => {
    const found = await subject();
    const outcome = await profile(found, '--format', format, '-o', 'out put', '--json');
    expect(outcome).toMatchObject({ stderr: '', exitCode: 0 });
    const report = first(outcome);
    expect(report).toMatchObject({
      pid: found.pid,
      file: 'out put',
      format,
      sampleBytes: 512 * 1024,
      samples: expect.any(Number),
      watchedSeconds: expect.any(Number),
      pauseMs: expect.any(Number),
    });
    expect(report.liveBytes).toBeGreaterThan(4 * 1024 * 1024);
    const written = readFileSync(join(found.here, 'out put'));
    expect(written).toHaveLength(report.bytes);
    const text = format === 'pprof' ? gunzipSync(written).toString('latin1') : written.toString();
    expect(text).toContain('holdRows');
    expect(readdirSync(found.here)).toEqual(['out put']);
  });

  test.each(['pprof', 'flamegraph'])(
    '-o - writes it to stdout, and what is said of it to stderr: %s',
    async (format) => {
      const found = await subject();
      const { bytes, stderr, exitCode } = await profile(found, '--format', format, '-o', '-');
      expect(exitCode).toBe(0);
      expect((format === 'pprof' ? gunzipSync(bytes) : bytes).toString('latin1')).toContain('holdRows');
      expect(stderr).toContain('Wrote stdout');
      expect(readdirSync(found.here)).toEqual([]);
    },
  );

  test('leaves a file that exists alone, unless --force', async () => {
    const found = await subject();
    const file = join(found.here, 'mine');
    writeFileSync(file, 'precious');
    const refused = await profile(found, '-o', 'mine', '--json');
    expect([refused.exitCode, json<ErrorReport>(refused).error]).toEqual([
      2,
      {
        code: 'MEMTOOL_FILE_EXISTS',
        message: 'mine exists already, and was left as it is.',
        hint: 'Give another file with -o, or overwrite it with --force.',
      },
    ]);
    expect(readFileSync(file, 'utf8')).toBe('precious');
    expect((await profile(found, '-o', 'mine', '--force')).exitCode).toBe(0);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ head: {} });
  });

  test('overwrites what a link leads to, and keeps the link', async () => {
    const found = await subject();
    writeFileSync(join(found.here, 'target'), '');
    symlinkSync('target', join(found.here, 'link'));
    expect((await profile(found, '-o', 'link')).exitCode).toBe(2);
    expect((await profile(found, '-o', 'link', '--force')).exitCode).toBe(0);
    expect(lstatSync(join(found.here, 'link')).isSymbolicLink()).toBe(true);
    expect(statSync(join(found.here, 'target')).size).toBeGreaterThan(100);
  });

  test('writes into a pipe that has a name, and leaves it a pipe', async () => {
    const found = await subject();
    const pipe = join(found.here, 'pipe');
    execFileSync('mkfifo', [pipe]);
    const [read, outcome] = await Promise.all([readFile(pipe, 'utf8'), profile(found, '-o', 'pipe')]);
    expect(outcome.exitCode).toBe(0);
    expect(JSON.parse(read)).toMatchObject({ head: {} });
    expect(statSync(pipe).isFIFO()).toBe(true);
  });

  test.each([
    ['a directory', 'folder', /is a directory/],
    ['a link to nothing', 'dangling', /a link to a file that does not exist/],
    ['in a directory that is none', 'missing/heap', /ENOENT/],
    ['in a file', 'file/heap', /ENOTDIR|is no directory/],
    ['a name that is too long', 'x'.repeat(300), /ENAMETOOLONG/],
  ])('an output that is %s is a failure, and nothing is left of it', async (_, output, message) => {
    const found = await subject();
    mkdirSync(join(found.here, 'folder'));
    writeFileSync(join(found.here, 'file'), '');
    symlinkSync('nowhere', join(found.here, 'dangling'));
    const before = readdirSync(found.here);
    const outcome = await profile(found, '-o', output, '--json', '--force');
    expect([outcome.exitCode, json<ErrorReport>(outcome).error]).toEqual([
      2,
      { code: 'MEMTOOL_CANNOT_WRITE', message: expect.stringMatching(message), hint: expect.stringContaining('-o') },
    ]);
    expect(readdirSync(found.here)).toEqual(before);
  });

  test('a write that breaks off half-way leaves neither half a file nor what it was written to', async () => {
    const found = await subject();
    const limited = `ulimit -f 1; exec '${process.execPath}' '${BIN}' profile ${found.pid} --format flamegraph -o out.html --json`;
    const { status, stdout } = spawnSync('bash', ['-c', limited], {
      cwd: found.here,
      env: environment(found.sockets),
      encoding: 'utf8',
    });
    expect([status, json<ErrorReport>({ stdout }).error]).toMatchObject([
      2,
      { code: 'MEMTOOL_CANNOT_WRITE', message: expect.stringContaining('EFBIG') },
    ]);
    expect(readdirSync(found.here)).toEqual([]);
  });

  test('a process that has no agent and is given none is a failure', async () => {
    const sockets = freshDirectory();
    const child = await startProgram(['-e', HOLDING], sockets);
    const found: Subject = { pid: child.pid, sockets, here: freshDirectory() };
    const outcome = await profile(found, '--no-attach', '--json');
    expect([outcome.exitCode, json<ErrorReport>(outcome).error.code]).toEqual([2, 'MEMTOOL_NO_AGENT']);
    expect(readdirSync(found.here)).toEqual([]);
  });

  test('several processes get a file each, and do not fit into one', async () => {
    const sockets = freshDirectory();
    const here = freshDirectory();
    const program = ['--import', AGENT, '-e', HOLDING];
    const pids = [(await startProgram(program, sockets)).pid, (await startProgram(program, sockets)).pid];
    const run = (...words: string[]): Outcome & { exitCode: number | null } => {
      const { status, stdout, stderr } = spawnSync(process.execPath, [BIN, 'profile', 'all', ...PATIENTLY, ...words], {
        cwd: here,
        env: environment(sockets),
        encoding: 'utf8',
      });
      return { exitCode: status, stdout, stderr };
    };
    const refused = run('-o', 'one', '--json');
    expect([refused.exitCode, json<ErrorReport>(refused).error.code]).toEqual([2, 'MEMTOOL_SEVERAL_PROCESSES']);
    expect(run().exitCode).toBe(0);
    expect(readdirSync(here).toSorted()).toEqual(pids.map((pid) => `eval-${pid}.heapprofile`).toSorted());
    // Of one of them the file is there still.
    rmSync(join(here, `eval-${pids[0]}.heapprofile`));
    const again = run('--json');
    expect(again.exitCode).toBe(2);
    expect(json<ProfileReport>(again).processes).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ pid: pids[0], samples: expect.any(Number) }),
        expect.objectContaining({ pid: pids[1], error: expect.objectContaining({ code: 'MEMTOOL_FILE_EXISTS' }) }),
      ]),
    );
  });

  test.each([
    [['--format', 'svg'], 'MEMTOOL_INVALID_OPTION'],
    [['--max-pause', 'soon'], 'MEMTOOL_INVALID_OPTION'],
    [['--max-pause', '30d'], 'MEMTOOL_INVALID_OPTION'],
    [['-o', '-'], 'MEMTOOL_USAGE'],
    [['-o'], 'MEMTOOL_USAGE'],
    [['-o', ''], 'MEMTOOL_USAGE'],
    [['-o', '--force'], 'MEMTOOL_USAGE'],
    [['--watch'], 'MEMTOOL_USAGE'],
  ])('%j with --json is bad usage', async (words, code) => {
    const found = await subject();
    const outcome = await profile(found, '--json', ...words);
    expect([outcome.exitCode, outcome.stderr, json<ErrorReport>(outcome).error.code]).toEqual([2, '', code]);
    expect(readdirSync(found.here)).toEqual([]);
  });
});
