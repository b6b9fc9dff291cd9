/** A real Prometheus, of Debian's package `prometheus`; what needs it is skipped where it is not installed. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { onTestFinished } from 'vitest';

const POLL_MS = 200;
const WAIT_MS = 90_000;

export const hasPrometheus: boolean = isInstalled('prometheus') && isInstalled('promtool');
if (!hasPrometheus) console.warn('No prometheus: what needs it is skipped.');

function isInstalled(program: string): boolean {
  return spawnSync(program, ['--version']).status === 0;
}

/** @returns what promtool says, once it has exited with 0 */
export function promtool(words: string[], input?: string): string {
  const { status, stdout, stderr } = spawnSync('promtool', words, { encoding: 'utf8', input: input ?? '' });
  if (status !== 0) throw new Error(`promtool ${words.join(' ')} exited with ${status}:\n${stdout}${stderr}`);
  return stdout + stderr;
}

/** It goes with the test. */
export function scratchDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'memtool-prometheus-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true, maxRetries: 5 }));
  return directory;
}

export interface Alert {
  labels: Record<string, string>;
  annotations: Record<string, string>;
  state: 'pending' | 'firing';
}

export interface QueryResult {
  metric: Record<string, string>;
  value: [atSeconds: number, value: string];
}

export class Prometheus {
  readonly #child: ChildProcess;
  readonly #url: string;

  private constructor(child: ChildProcess, url: string) {
    this.#child = child;
    this.#url = url;
  }

  /** @param config - of JSON, which is YAML too */
  static async start(config: object): Promise<Prometheus> {
    const directory = scratchDirectory();
    const file = join(directory, 'prometheus.yml');
    writeFileSync(file, JSON.stringify(config));
    promtool(['check', 'config', file]);
    const child = spawn(
      'prometheus',
      [
        `--config.file=${file}`,
        `--storage.tsdb.path=${join(directory, 'data')}`,
        '--web.listen-address=127.0.0.1:0',
        '--query.lookback-delta=30s',
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
    onTestFinished(async () => {
      child.kill('SIGKILL');
      await closed;
    });
    let log = '';
    const address = await new Promise<string>((resolve, reject) => {
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        log += text;
        const found = /msg="Listening on" address=(\S+)/.exec(log)?.[1];
        if (found !== undefined) resolve(found);
      });
      void closed.then(() => reject(new Error(`prometheus has ended:\n${log}`)));
    });
    return new Prometheus(child, `http://${address}`);
  }

  async alerts(): Promise<Alert[]> {
    return (await this.#get<{ alerts: Alert[] }>('/api/v1/alerts')).alerts;
  }

  /** Waits until all of them fire, each at some time. @returns them in their order */
  async firing(wanted: readonly Record<string, string>[]): Promise<Alert[]> {
    const seen = new Map<Record<string, string>, Alert>();
    const missing = (): Record<string, string>[] => wanted.filter((labels) => !seen.has(labels));
    await this.until(
      async () => {
        const firing = (await this.alerts()).filter(({ state }) => state === 'firing');
        for (const labels of missing()) {
          const found = firing.find((alert) =>
            Object.entries(labels).every(([label, text]) => alert.labels[label] === text),
          );
          if (found) seen.set(labels, found);
        }
        return missing().length === 0;
      },
      () => `what does not fire: ${JSON.stringify(missing())}`,
    );
    return wanted.flatMap((labels) => seen.get(labels) ?? []);
  }

  async query(expression: string): Promise<QueryResult[]> {
    const query = new URLSearchParams({ query: expression }).toString();
    return (await this.#get<{ result: QueryResult[] }>(`/api/v1/query?${query}`)).result;
  }

  /* oxlint-disable no-await-in-loop -- one look after the other */
  async until(isSo: () => Promise<boolean>, state: () => string): Promise<void> {
    const deadline = performance.now() + WAIT_MS;
    while (!(await isSo())) {
      if (performance.now() > deadline) throw new Error(`It has not come about in ${WAIT_MS} ms; ${state()}.`);
      if (this.#child.exitCode !== null) throw new Error('prometheus has ended.');
      await sleep(POLL_MS);
    }
  }
  /* oxlint-enable no-await-in-loop */

  async #get<Data>(path: string): Promise<Data> {
    const response = await fetch(this.#url + path);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Prometheus' HTTP API, version 1
    const answer = (await response.json()) as { status: string; data: Data; error?: string };
    if (answer.status !== 'success') throw new Error(`${path}: ${answer.error}`);
    return answer.data;
  }
}
