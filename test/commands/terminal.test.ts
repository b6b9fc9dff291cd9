/** What is different on a terminal; `script` of util-linux lends us one. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, onTestFinished, test } from 'vitest';
import { BIN, environment, freshDirectory, startAgent } from './memtool.ts';

const hasScript = spawnSync('script', ['--version']).status === 0;

/** What follows an escape character, which may not be written in a pattern. */
function escaped(pattern: string): RegExp {
  return new RegExp(`\u001b${pattern}`);
}

class Terminal {
  text = '';
  readonly #child: ChildProcess;

  constructor(words: string[], directory: string) {
    const command = `stty cols 80 rows 24; '${process.execPath}' '${BIN}' ${words.join(' ')}`;
    this.#child = spawn('script', ['-qec', command, '/dev/null'], {
      env: environment(directory, { TERM: 'xterm' }),
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#child.stdout?.on('data', (chunk: Buffer) => (this.text += chunk.toString()));
    onTestFinished(() => void this.#child.kill('SIGKILL'));
  }

  async until(pattern: RegExp): Promise<void> {
    await expect.poll(() => this.text, { timeout: 15_000, interval: 20 }).toMatch(pattern);
  }

  type(text: string): void {
    this.#child.stdin?.write(text);
  }

  async exitCode(): Promise<number> {
    if (this.#child.exitCode !== null) return this.#child.exitCode;
    const [code] = await once(this.#child, 'exit');
    return Number(code);
  }
}

describe.runIf(hasScript)('on a terminal', () => {
  test('there are colours', async () => {
    const directory = freshDirectory();
    await startAgent('calm', directory);
    const terminal = new Terminal(['stats'], directory);
    expect(await terminal.exitCode()).toBe(0);
    expect(terminal.text).toMatch(escaped('\\[31m█+░* +98\\.0 %'));
  });

  test('--watch draws on a screen of its own; Ctrl-C gives the terminal back with the last drawing on it', async () => {
    const directory = freshDirectory();
    await startAgent('calm', directory);
    const terminal = new Terminal(['stats', '--watch', '0.1'], directory);
    await terminal.until(escaped('[^]*every 0.1 s[^]*orders-api[^]*every 0.1 s'));
    terminal.type('\u0003');
    expect(await terminal.exitCode()).toBe(130);
    expect(terminal.text).toMatch(escaped('\\[\\?1049h\u001b\\[\\?25l'));
    expect(terminal.text).toMatch(escaped('\\[\\?25h\u001b\\[\\?1049l[^]*orders-api'));
  });

  test.each([
    ['y', 0, 'Gave back'],
    ['n', 2, 'Nothing was changed'],
    ['', 2, 'Nothing was changed'],
    ['\u0003', 2, 'Nothing was changed'],
  ])('cleanup all asks first: %j, exit %d', async (answer, exitCode, said) => {
    const directory = freshDirectory();
    const { pid } = await startAgent('calm', directory);
    const terminal = new Terminal(['cleanup', 'all'], directory);
    await terminal.until(new RegExp(`Clean up ${pid} \\(orders-api\\)\\? \\[y/N\\]`));
    terminal.type(`${answer}\r`);
    expect(await terminal.exitCode()).toBe(exitCode);
    expect(terminal.text).toContain(said);
  });

  test('what takes over two seconds shows a bar, and wipes it away', async () => {
    const directory = freshDirectory();
    await startAgent('hung', directory);
    const terminal = new Terminal(['stats', '--timeout', '2.5'], directory);
    await terminal.until(/Waiting for an answer .*█+░+.* \d+ % {2}2 s of at most 2\.5 s/);
    expect(await terminal.exitCode()).toBe(2);
    expect(terminal.text).toMatch(escaped('\\[K[^█]*did not answer within 2\\.5 s'));
  });
});
