/** In a real terminal. */
import type { ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import type { ErrorReport } from '../../src/report/document.ts';
import type { StatsReport } from '../../src/report/stats.ts';
import { freshDirectory, json, memtool, startAgent, startProgram } from './memtool.ts';
import { HAS_TMUX, TmuxTerminal } from './tmux.ts';

const FORGETFUL = fileURLToPath(new URL('../fixtures/forgetful.js', import.meta.url));
/** Of a shell that writes into a drawing. */
const PROMPT = /^[#$]/m;
const WAIT = { timeout: 20_000, interval: 50 };

function forgetful(name: string, cacheMib: number, directory: string): Promise<ChildProcess & { pid: number }> {
  return startProgram([FORGETFUL, name, String(cacheMib)], directory);
}

async function queryPoolBytes(pid: number, directory: string): Promise<number | undefined> {
  const { processes } = json<StatsReport>(await memtool(['stats', String(pid), '--json'], directory));
  const [found] = processes;
  return found && 'pools' in found ? found.pools.find(({ name }) => name === 'query')?.usedBytes : undefined;
}

/** What follows an escape character, which may not be written in a pattern. */
function escaped(pattern: string): RegExp {
  return new RegExp(`\u001b${pattern}`);
}

/** The names in the order in which they are listed. */
function listed(screen: string): string[] {
  return [...screen.matchAll(/^[> ] ([a-z]+-[a-z]+) +\d+ /gm)].map(([, name = '']) => name);
}

if (!HAS_TMUX) console.warn('tmux is missing: the tests of `memtool top` in a terminal are skipped.');

describe('without a terminal it says what to use instead', () => {
  test.each([
    [['top'], '`memtool stats --watch --json`'],
    [['top', 'orders'], '`memtool stats orders --watch --json`'],
  ])('%j', async (words, hint) => {
    const { stdout, stderr, exitCode } = await memtool(words, freshDirectory());
    expect({ stdout, exitCode }).toEqual({ stdout: '', exitCode: 2 });
    expect(stderr).toContain('top needs a terminal');
    expect(stderr).toContain(hint);
  });

  test('nor has it JSON', async () => {
    const outcome = await memtool(['top', '--json'], freshDirectory());
    expect(outcome).toMatchObject({ stderr: '', exitCode: 2 });
    expect(json<ErrorReport>(outcome).error).toMatchObject({
      code: 'MEMTOOL_USAGE',
      hint: expect.stringContaining('`memtool stats --watch --json`'),
    });
  });

  test('an interval that makes no sense', async () => {
    const { stderr, exitCode } = await memtool(['top', '--interval', '0'], freshDirectory());
    expect(exitCode).toBe(2);
    expect(stderr).toContain('--interval is 0: it must be between 0.1 and 3600 seconds.');
  });
});

describe.runIf(HAS_TMUX)('in a terminal', () => {
  test('lists the processes, sorts, filters, opens one, resizes; q gives the terminal back', async () => {
    const directory = freshDirectory();
    await forgetful('orders-api', 96, directory);
    await forgetful('billing-api', 82, directory);
    await forgetful('search-api', 10, directory);
    const terminal = new TmuxTerminal(directory);
    terminal.memtool('top --interval 0.5');
    await terminal.until(/orders\S+ +\d+ {2}critical[^]*billing\S+ +\d+ {2}warning[^]*search\S+ +\d+ {2}normal/);
    expect(terminal.modes()).toBe('1 0 0');
    expect(await terminal.until(/pool cache {2}.*96\.0 %/)).toMatch(
      /^orders-api \(\d+\): pool cache is at 96\.0 % of its limit/m,
    );

    terminal.resize(120, 30);
    await terminal.until(/RSS\/MIN/);
    terminal.type('sssss');
    expect(listed(await terminal.until(/by name/))).toEqual(['billing-api', 'orders-api', 'search-api']);
    terminal.type('r');
    expect(listed(await terminal.until(/by name, reversed/))).toEqual(['search-api', 'orders-api', 'billing-api']);

    terminal.type('/bill');
    expect(listed(await terminal.until(/1 of 3 processes/))).toEqual(['billing-api']);
    terminal.press('Enter');
    await terminal.until(/q quit/);
    terminal.press('Enter');
    await terminal.until(/billing-api {2}pid \d+ {2}warning[^]*\[1 limits\][^]*cache .*82\.0 %/);
    terminal.press('Tab');
    await terminal.until(/\[2 heap & workers\][^]*old_space/);
    terminal.type('3');
    await terminal.until(/\[3 scopes\][^]*user +ana/);
    terminal.press('Escape');
    await terminal.until(/1 of 3 processes/);
    terminal.press('Escape');
    await terminal.until(/3 processes {2}by name/);

    terminal.resize(40, 10);
    await expect
      .poll(
        () =>
          Math.max(
            ...terminal
              .screen()
              .split('\n')
              .map((line) => line.length),
          ),
        WAIT,
      )
      .toBeLessThanOrEqual(40);
    await terminal.until(/NAME\* /);
    terminal.type('q');
    await terminal.expectGivenBack(0);
  });

  test('pause: nobody is asked, and it says how old the figures are; space goes on', async () => {
    const directory = freshDirectory();
    const agent = await startAgent('telling', directory);
    let questions = 0;
    agent.stdout?.on('data', (text: Buffer) => (questions += text.toString().split('\n').length - 1));
    const terminal = new TmuxTerminal(directory);
    terminal.memtool('top --interval 0.2');
    await terminal.until(/orders-/);
    terminal.type(' ');
    await terminal.until(/PAUSED 1s ago/);
    const before = questions;
    await terminal.until(/PAUSED [3-9]s ago/);
    expect(questions).toBe(before);
    terminal.type(' ');
    await terminal.until(/every 200ms/);
    await expect.poll(() => questions, WAIT).toBeGreaterThan(before + 4);
    terminal.press('C-c');
    await terminal.expectGivenBack(130);
  });

  test('asks only what it shows, and of scopes and heaps nothing in the overview', async () => {
    const directory = freshDirectory();
    const agent = await startAgent('telling', directory);
    const questions = new Set<string>();
    agent.stdout?.on('data', (text: Buffer) => {
      for (const line of text.toString().trim().split('\n')) questions.add(line);
    });
    const terminal = new TmuxTerminal(directory);
    terminal.memtool('top --interval 0.2');
    await expect.poll(() => questions.size, WAIT).toBe(2);
    expect(questions).toEqual(new Set(['GET /v1/stats?scopes=0&sort=used&workers=0', 'GET /v1/pressure']));
    terminal.press('Enter');
    await expect.poll(() => [...questions], WAIT).toContain('GET /v1/stats?scopes=100&sort=used');
    terminal.type('l');
    await expect.poll(() => [...questions], WAIT).toContain('GET /v1/leaks?age=300&max-pause=0');
    expect(questions.size).toBe(4);
    terminal.type('h');
    await expect.poll(() => [...questions], WAIT).toContain('GET /v1/leaks?age=300&max-pause=1');
    terminal.type('q');
    await terminal.expectGivenBack(0);
  });

  test('cleanup is asked twice: only the yes frees', async () => {
    const directory = freshDirectory();
    const { pid } = await forgetful('orders-api', 10, directory);
    const terminal = new TmuxTerminal(directory);
    terminal.memtool('top --interval 0.5');
    await terminal.until(/> orders-/);
    // A yes to what has not been shown yet is none.
    terminal.type('cy');
    await terminal.until(/Would give back 3\.0 MiB[^]*join-table[^]*Give it back\?/);
    expect(await queryPoolBytes(pid, directory)).toBe(3 * 1024 * 1024);
    terminal.type('n');
    await terminal.until(/Nothing was given back\./);
    expect(await queryPoolBytes(pid, directory)).toBe(3 * 1024 * 1024);
    terminal.type('c');
    await terminal.until(/Give it back\?/);
    terminal.type('y');
    await terminal.until(/Gave back 3\.0 MiB to the pools/);
    expect(await queryPoolBytes(pid, directory)).toBe(0);
    terminal.press('Escape');
    await terminal.until(/> orders-/);
    terminal.type('q');
    await terminal.expectGivenBack(0);
  });

  test('leaks: those of the pools at once, those of the heap for a key', async () => {
    const directory = freshDirectory();
    await forgetful('orders-api', 10, directory);
    const terminal = new TmuxTerminal(directory, {}, 80, 40);
    terminal.memtool('top orders');
    await terminal.until(/> orders-/);
    terminal.type('l');
    await terminal.until(
      /Its heap was not read\. h reads it[^]*stops the\s+process, about \d+ ms[^]*orphaned +query +join-table/,
    );
    terminal.type('h');
    await terminal.until(/Its heap was read \S+ ago[^]*ms the\s+last time[^]*Heap: watched for/);
    terminal.type('q');
    await terminal.expectGivenBack(0);
  });

  test('one that is killed is shown as ended, one that hangs holds nobody up, one that starts appears', async () => {
    const directory = freshDirectory();
    const orders = await forgetful('orders-api', 10, directory);
    await startAgent('hung', directory);
    const terminal = new TmuxTerminal(directory);
    terminal.memtool('top --interval 0.3 --timeout 1');
    await terminal.until(/agent\.js +\d+ {2}no reply/);
    await terminal.until(/orders\S+ +\d+ {2}normal/);
    await forgetful('billing-api', 10, directory);
    await terminal.until(/billing\S+ +\d+ {2}normal/);
    orders.kill('SIGKILL');
    await terminal.until(/orders\S+ +\d+ {2}ended/);
    await expect.poll(() => terminal.screen(), WAIT).not.toMatch(/orders-/);
    terminal.type('q');
    await terminal.expectGivenBack(0);
  });

  test('by a name, too, one that hangs holds nobody up, and one that starts appears', async () => {
    const directory = freshDirectory();
    await forgetful('orders-api', 10, directory);
    const terminal = new TmuxTerminal(directory);
    terminal.memtool('top orders --interval 0.3 --timeout 60');
    await terminal.until(/1 process /);
    await startAgent('hung', directory);
    await forgetful('billing-api', 10, directory);
    await forgetful('new-orders', 10, directory);
    await terminal.until(/new-orders +\d+ {2}normal/);
    expect(terminal.screen()).not.toMatch(/billing|agent\.js/);
    terminal.type('q');
    await terminal.expectGivenBack(0);
  });

  test('Ctrl-Z gives the terminal to the shell, fg goes on; so after a stop that cannot be noticed', async () => {
    const directory = freshDirectory();
    await forgetful('orders-api', 10, directory);
    const terminal = new TmuxTerminal(directory);
    terminal.run(`stty -g > ${directory}/before`);
    terminal.run(
      `'${process.execPath}' '${fileURLToPath(new URL('../../bin/memtool.js', import.meta.url))}' top --interval 0.5`,
    );
    await terminal.until(/> orders-/);
    const pid = terminal.foreground;
    for (const [round, stop] of [() => terminal.press('C-z'), () => process.kill(pid, 'SIGTSTP')].entries()) {
      stop();
      await terminal.until(/Stopped|Suspended/);
      expect(terminal.modes()).toBe('0 1 1');
      terminal.run(`stty -g > ${directory}/stopped-${round}; clear`);
      await expect.poll(() => terminal.read(`stopped-${round}`), WAIT).toBe(terminal.read('before'));
      terminal.run('fg');
      await terminal.until(/> orders-/);
      expect(terminal.modes()).toBe('1 0 0');
    }
    process.kill(pid, 'SIGSTOP');
    await terminal.until(PROMPT);
    // The terminal is raw, as top has left it: this shell sets nothing right, and Enter is no end of a line.
    terminal.type('clear; fg');
    terminal.press('C-j');
    await expect.poll(() => terminal.screen(), WAIT).not.toMatch(PROMPT);
    await terminal.until(/> orders-/);
    terminal.type('?');
    await terminal.until(/memtool top: keys/);
    terminal.type('q');
    // What is typed before it has ended, it reads, too.
    await expect.poll(() => terminal.foreground, WAIT).not.toBe(pid);
    terminal.memtool('--version');
    await terminal.expectGivenBack(0);
  });

  test.each([
    ['SIGTERM', 143],
    ['SIGHUP', 129],
    ['SIGINT', 130],
  ] as const)('%s gives the terminal back, exit %d', async (signal, code) => {
    const directory = freshDirectory();
    await forgetful('orders-api', 10, directory);
    const terminal = new TmuxTerminal(directory);
    terminal.memtool('top');
    await terminal.until(/> orders-/);
    process.kill(terminal.foreground, signal);
    await terminal.expectGivenBack(code);
  });

  test('a failure of its own gives the terminal back, and is told on it', async () => {
    const directory = freshDirectory();
    await forgetful('orders-api', 10, directory);
    const broken = "data:text/javascript,setTimeout(() => { throw new Error('on purpose'); }, 1500)";
    const terminal = new TmuxTerminal(directory, { NODE_OPTIONS: `--import="${broken}"` });
    terminal.memtool('top');
    await terminal.expectGivenBack(2);
    expect(terminal.screen()).toMatch(/memtool itself failed: Error: on purpose/);
  });

  test('it ends with its terminal', async () => {
    const directory = freshDirectory();
    await forgetful('orders-api', 10, directory);
    const terminal = new TmuxTerminal(directory);
    terminal.memtool('top');
    await terminal.until(/> orders-/);
    const pid = terminal.foreground;
    terminal.close();
    await expect.poll(() => existsSync(`/proc/${pid}`), WAIT).toBe(false);
  });

  test('colours on a terminal; without them a mark and words say the same', async () => {
    const directory = freshDirectory();
    await forgetful('orders-api', 96, directory);
    const coloured = new TmuxTerminal(directory);
    coloured.memtool('top');
    await coloured.until(/> orders-/);
    expect(coloured.screen(true)).toMatch(escaped('\\[0;7m(\u001b\\[[0-9]+m)*> orders-'));
    expect(coloured.screen(true)).toMatch(escaped('\\[[0-9;]*31m'));
    const plain = new TmuxTerminal(directory, { NO_COLOR: '1' });
    plain.memtool('top');
    await plain.until(/> orders\S+ +\d+ {2}critical/);
    expect(plain.screen(true)).not.toContain('\u001b[');
  });

  test('a terminal that cannot be drawn on', async () => {
    const terminal = new TmuxTerminal(freshDirectory());
    terminal.run('export TERM=dumb');
    terminal.memtool('top');
    await terminal.until(/TERM is dumb\.\s+Use `memtool stats --watch --json`/);
  });

  test('nothing is running: it waits, and says what to type', async () => {
    const directory = freshDirectory();
    const terminal = new TmuxTerminal(directory);
    terminal.memtool('top --interval 0.3');
    await terminal.until(/0 processes[^]*has a memtool agent now/);
    await forgetful('orders-api', 10, directory);
    await terminal.until(/> orders-/);
    terminal.type('q');
    await terminal.expectGivenBack(0);
  });
});
