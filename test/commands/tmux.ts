/** A real terminal with a shell in it, by tmux; its own server, so that nobody's sessions are touched. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { BIN, environment } from './memtool.ts';

export const HAS_TMUX: boolean = spawnSync('tmux', ['-V']).status === 0;

/** The tests may be many at once, on a machine with little to spare. */
const WAIT_MS = 20_000;
let terminals = 0;

export class TmuxTerminal {
  readonly #socket: string;
  readonly #directory: string;

  /** @param directory - Of the sockets; files of the test go there too. */
  constructor(directory: string, extra: Record<string, string> = {}, width: number = 80, height: number = 24) {
    terminals += 1;
    this.#socket = `memtool-test-${process.pid}-${terminals}`;
    this.#directory = directory;
    const { TMUX: _, ...rest } = environment(directory, { PS1: '$ ', ENV: '', ...extra });
    execFileSync(
      'tmux',
      ['-L', this.#socket, '-f', '/dev/null', 'new-session', '-d', '-x', String(width), '-y', String(height), 'sh'],
      { env: rest },
    );
    onTestFinished(() => void spawnSync('tmux', ['-L', this.#socket, 'kill-server']));
  }

  /** Types keys by tmux's names: `Enter`, `C-c`, `Up`, or text. */
  press(...keys: string[]): void {
    this.#tmux('send-keys', ...keys);
  }

  type(text: string): void {
    this.#tmux('send-keys', '-l', text);
  }

  /** Types a command line. */
  run(line: string): void {
    this.type(line);
    this.press('Enter');
  }

  /** Starts `memtool` in a way that leaves its exit code on the screen, and the state of the terminal in files. */
  memtool(words: string): void {
    this.run(
      `stty -g > ${this.#file('before')}; '${process.execPath}' '${BIN}' ${words}; echo "code $?"; stty -g > ${this.#file('after')}; echo done`,
    );
  }

  resize(width: number, height: number): void {
    this.#tmux('resize-window', '-x', String(width), '-y', String(height));
  }

  /** What is on the screen, with the colours if they are asked for. */
  screen(withColours: boolean = false): string {
    return this.#tmux('capture-pane', '-p', ...(withColours ? ['-e'] : []));
  }

  async until(pattern: RegExp): Promise<string> {
    let seen = '';
    await expect.poll(() => (seen = this.screen()), { timeout: WAIT_MS, interval: 50 }).toMatch(pattern);
    return seen;
  }

  /** Whether the second screen is on, and the cursor, as tmux has it. */
  modes(): string {
    return this.#tmux('display-message', '-p', '#{alternate_on} #{cursor_flag} #{wrap_flag}').trim();
  }

  /** The first screen, with a cursor, and the terminal's driver as it was before. */
  async expectGivenBack(code: number): Promise<void> {
    await this.until(new RegExp(`code ${code}\\ndone`));
    expect(this.modes()).toBe('0 1 1');
    expect(this.read('after')).toBe(this.read('before'));
  }

  /** A file of the test; empty when it is not there yet. */
  read(name: string): string {
    return existsSync(this.#file(name)) ? readFileSync(this.#file(name), 'utf8') : '';
  }

  /** The pid of the program in the foreground below the shell. */
  get foreground(): number {
    const shell = this.#tmux('display-message', '-p', '#{pane_pid}').trim();
    const children = readFileSync(`/proc/${shell}/task/${shell}/children`, 'utf8').trim().split(' ');
    return Number(children.at(-1));
  }

  /** Its window is closed. */
  close(): void {
    this.#tmux('kill-server');
  }

  #file(name: string): string {
    return join(this.#directory, name);
  }

  #tmux(...words: string[]): string {
    return execFileSync('tmux', ['-L', this.#socket, ...words], { encoding: 'utf8' });
  }
}
