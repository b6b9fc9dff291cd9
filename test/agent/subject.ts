/** A real process with an agent in it, and a way to ask it. */
import { spawn, type ChildProcess } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync, watch } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

export const FIXTURES: string = fileURLToPath(new URL('../fixtures/', import.meta.url));
const WAIT_MS = 20_000;

export interface Answer {
  status: number;
  headers: NodeJS.Dict<string | string[]>;
  body: string;
}

export interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  output: string;
}

export class Subject {
  readonly directory: string;
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  readonly #heard = new EventEmitter();
  #output = '';
  /** As much of the output as `line` has given. */
  #read = 0;

  constructor(nodeArguments: string[], directory: string = freshDirectory()) {
    this.directory = directory;
    this.child = spawn(process.execPath, nodeArguments, {
      env: { ...process.env, MEMTOOL_DIR: directory, NODE_OPTIONS: '' },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const hear = (chunk: Buffer): void => {
      this.#output += chunk.toString();
      this.#heard.emit('output');
    };
    this.child.stdout?.on('data', hear);
    this.child.stderr?.on('data', hear);
    // It may have ended when it is told something.
    this.child.stdin?.on('error', () => {});
    this.ended = new Promise((resolve) =>
      this.child.once('close', (code, signal) => resolve({ code, signal, output: this.#output })),
    );
  }

  /** Its next line that nobody has asked for yet. */
  async line(): Promise<string> {
    const gaveUp = AbortSignal.timeout(WAIT_MS);
    for (;;) {
      const end = this.#output.indexOf('\n', this.#read);
      if (end >= 0) {
        const line = this.#output.slice(this.#read, end);
        this.#read = end + 1;
        return line;
      }
      await once(this.#heard, 'output', { signal: gaveUp });
    }
  }

  /** A line to its standard input, and the line that it answers with. */
  tell(command: string): Promise<string> {
    this.child.stdin?.write(`${command}\n`);
    return this.line();
  }

  files(suffix = ''): string[] {
    return existsSync(this.directory) ? readdirSync(this.directory).filter((name) => name.endsWith(suffix)) : [];
  }

  /** Waits for a file to appear in the socket directory. */
  async appeared(suffix: string): Promise<string> {
    const watcher = watch(this.directory);
    try {
      return await new Promise((resolve, reject) => {
        const look = (): void => {
          const [name] = this.files(suffix);
          if (name !== undefined) resolve(join(this.directory, name));
        };
        watcher.on('change', look);
        setTimeout(() => reject(new Error(`no *${suffix} in ${WAIT_MS} ms`)), WAIT_MS).unref();
        void this.ended.then((ended) => reject(new Error(`the subject has ended: ${JSON.stringify(ended)}`)));
        look();
      });
    } finally {
      watcher.close();
    }
  }

  async ask(path: string, options: { method?: string; body?: string } = {}): Promise<Answer> {
    return ask(await this.appeared('.sock'), path, options);
  }

  async json<Report>(path: string, options: { method?: string; body?: string } = {}): Promise<Report> {
    const report: Report = JSON.parse((await this.ask(path, options)).body);
    return report;
  }

  async end(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.ended;
  }
}

/** It goes with the test, whose processes have ended by then. */
export function freshDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'memtool-test-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** One request, on a connection of its own. */
export function ask(
  socketPath: string,
  path: string,
  options: { method?: string; body?: string } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path, method: options.method ?? 'GET', agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (body += chunk));
      response.once('error', reject);
      response.once('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }));
    });
    asked.once('error', reject);
    asked.end(options.body);
  });
}
