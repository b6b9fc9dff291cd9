import { chmodSync, closeSync, openSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import type { ErrorReport } from '../../src/report/document.ts';
import type { StatsReport } from '../../src/report/stats.ts';
import { freshDirectory, json, memtool, startAgent } from './memtool.ts';

describe('help', () => {
  test('shows the four verbs first, with an example for each', async () => {
    const { stdout, stderr, exitCode } = await memtool(['--help'], freshDirectory());
    expect(stderr).toBe('');
    expect(exitCode).toBe(0);
    expect([...stdout.matchAll(/^ {2}([a-z]+) /gm)].map(([, name]) => name).slice(0, 4)).toEqual([
      'stats',
      'pressure',
      'leaks',
      'cleanup',
    ]);
    for (const verb of ['stats', 'pressure', 'leaks', 'cleanup']) expect(stdout).toContain(`\n    $ memtool ${verb} `);
    expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
  });

  test.each(['stats', 'pressure', 'leaks', 'cleanup', 'doctor', 'top', 'ps', 'run', 'completion', 'demo'])(
    '%s has its own, with an example',
    async (command) => {
      const { stdout, stderr, exitCode } = await memtool([command, '--help'], freshDirectory());
      expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 });
      expect(stdout).toMatch(new RegExp(`Examples:\n  memtool ${command}`));
    },
  );

  test('answers a bare `memtool`, as bad usage', async () => {
    const { stdout, stderr, exitCode } = await memtool([], freshDirectory());
    expect({ stdout, exitCode }).toEqual({ stdout: '', exitCode: 2 });
    expect(stderr).toContain('Usage: memtool');
  });

  test('--version prints the version of the package', async () => {
    expect(await memtool(['--version'], freshDirectory())).toEqual({
      stdout: `${packageJson.version}\n`,
      stderr: '',
      exitCode: 0,
    });
  });
});

describe('bad usage exits 2, says what to do on stderr', () => {
  test.each([
    [
      ['statz'],
      "memtool: Unknown command 'statz'.\n  Did you mean stats? Run `memtool --help` to see what there is.\n",
    ],
    [['stats', '--bogus'], "memtool: Unknown option '--bogus'.\n  Run `memtool stats --help` to see what there is.\n"],
    [
      ['run', '--inspect', 'app.js'],
      "memtool: Unknown option '--inspect'.\n  Node's own options follow two dashes: `memtool run -- --inspect app.js`\n",
    ],
    [
      ['leaks', '--age', 'soon'],
      'memtool: --age is "soon", which is no duration.\n  Give seconds, or a number with ms, s, m, h or d: 300, 90s, 5m, 1.5h.\n',
    ],
    [
      ['stats', '--watch', '4242'],
      'memtool: --watch is 4242: it must be between 0.1 and 3600 seconds.\n  A pid goes before it: memtool stats 4242 --watch.\n',
    ],
    [
      ['stats', '--scopes', '4242'],
      'memtool: --scopes is 4242: it must be a number from 1 to 1000.\n  A pid goes before it: memtool stats 4242 --scopes.\n',
    ],
    [['stats', '--sort', 'size'], 'memtool: --sort is "size".\n  Give one of used, peak, age.\n'],
    [
      ['leaks', '--scopes'],
      "memtool: Unknown option '--scopes'.\n  Run `memtool leaks --help` to see what there is.\n",
    ],
    [['demo', '--watch'], "memtool: Unknown option '--watch'.\n  Run `memtool demo --help` to see what there is.\n"],
    [['--watch', 'demo'], 'memtool: demo takes no --watch.\n  Run `memtool demo --help` to see what there is.\n'],
    [
      ['demo', '--seconds', '0'],
      'memtool: --seconds is 0: the load takes 1 to 600 seconds.\n  Leave it out for the usual 11 seconds.\n',
    ],
  ])('%j', async (words, message) => {
    expect(await memtool(words, freshDirectory())).toEqual({ stdout: '', stderr: message, exitCode: 2 });
  });

  test.each([
    [[], null, 'MEMTOOL_USAGE'],
    [['statz'], null, 'MEMTOOL_USAGE'],
    [['stats', '--nope'], 'stats', 'MEMTOOL_USAGE'],
    [['stats', 'one', 'two'], 'stats', 'MEMTOOL_USAGE'],
    [['leaks', '--age'], 'leaks', 'MEMTOOL_USAGE'],
    [['cleanup', ''], 'cleanup', 'MEMTOOL_USAGE'],
    [['leaks', '--age', '-1'], 'leaks', 'MEMTOOL_INVALID_OPTION'],
    [['stats', '--scopes', '0'], 'stats', 'MEMTOOL_INVALID_OPTION'],
    [['stats', '--timeout', '0'], 'stats', 'MEMTOOL_INVALID_OPTION'],
  ])('with --json as an error report on stdout: %j', async (words, command, code) => {
    const outcome = await memtool(['--json', ...words], freshDirectory());
    expect(outcome).toMatchObject({ stderr: '', exitCode: 2 });
    expect(json<ErrorReport>(outcome)).toEqual({
      schemaVersion: 1,
      command,
      processes: [],
      error: { code, message: expect.any(String), hint: expect.any(String) },
    });
  });

  test('a socket directory that cannot be trusted', async () => {
    const directory = freshDirectory();
    chmodSync(directory, 0o777);
    const outcome = await memtool(['stats', '--json'], directory);
    expect(outcome).toMatchObject({ stderr: '', exitCode: 2 });
    expect(json<ErrorReport>(outcome).error.code).toBe('MEMTOOL_SOCKET_DIRECTORY');
  });
});

describe('common options', () => {
  test.each([[['--json', 'stats']], [['stats', '--json']], [['--timeout', '1', 'stats', '--json', '--no-color']]])(
    'count before and after the command: %j',
    async (words) => {
      const outcome = await memtool(words, freshDirectory());
      expect(outcome).toMatchObject({ stderr: '', exitCode: 0 });
      expect(json<StatsReport>(outcome).command).toBe('stats');
    },
  );

  test.each([
    [[], {}, false],
    [[], { FORCE_COLOR: '1' }, true],
    [[], { FORCE_COLOR: '1', NO_COLOR: '1' }, true],
    [[], { FORCE_COLOR: '0' }, false],
    [['--no-color'], { FORCE_COLOR: '1' }, false],
  ])('colours with %j %j: %s', async (words, extra, colored) => {
    const directory = freshDirectory();
    await startAgent('calm', directory);
    const { stdout, stderr } = await memtool(['stats', ...words], directory, extra);
    expect(stderr).toBe('');
    expect(stdout.includes('\u001b[')).toBe(colored);
  });

  test('a full disk is a failure, in one line', async () => {
    const { spawnSync } = await import('node:child_process');
    const { BIN, environment } = await import('./memtool.ts');
    const full = openSync('/dev/full', 'w');
    const { status, stderr } = spawnSync(process.execPath, [BIN, 'stats'], {
      env: environment(freshDirectory()),
      stdio: ['ignore', full, 'pipe'],
      encoding: 'utf8',
    });
    closeSync(full);
    expect(stderr).toMatch(/^memtool: The output could not be written: ENOSPC.*\.\n$/);
    expect(status).toBe(2);
  });

  test('a reader that closes the pipe is no failure', async () => {
    const { execFileSync } = await import('node:child_process');
    const { BIN, environment } = await import('./memtool.ts');
    const directory = freshDirectory();
    await startAgent('calm', directory);
    const script = `set -o pipefail; '${process.execPath}' '${BIN}' stats | true; echo "$?"`;
    const printed = execFileSync('bash', ['-c', script], {
      env: environment(directory),
      stdio: ['ignore', 'pipe', 'pipe'],
      encoding: 'utf8',
    });
    expect(printed).toBe('0\n');
  });
});
