import { once } from 'node:events';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import { describe, expect, test, vi } from 'vitest';
import { parseText } from '../../src/metrics/text.ts';
import type { ErrorReport } from '../../src/report/document.ts';
import type { MetricsReport } from '../../src/report/metrics.ts';
import { ask, freshDirectory as socketDirectory, Subject } from '../agent/subject.ts';
import { freshDirectory, json, memtool, nextOutput, start, startAgent, startProgram } from './memtool.ts';

const POOLS = fileURLToPath(new URL('../fixtures/pools.js', import.meta.url));
const MIB = 1024 * 1024;

/** An application with a pool that is nearly full. @returns once its agent answers */
async function startApplication(directory: string): Promise<Subject> {
  const subject = new Subject([POOLS, 'stay'], directory);
  await vi.waitFor(() => expect(subject.files('.sock').join()).toContain(`${subject.child.pid}-`), 20_000);
  return subject;
}

/** `memtool metrics --listen`, and where it is. */
async function serve(
  words: string[],
  directory: string,
): Promise<{ url: string; ended: Promise<number | null>; kill: (signal: NodeJS.Signals) => void }> {
  const { child, outcome } = start(['metrics', '--listen', '0', '--json', ...words], directory);
  const { url = '' }: MetricsReport = JSON.parse(await nextOutput(child));
  return { url, ended: outcome.then(({ exitCode }) => exitCode), kill: (signal) => void child.kill(signal) };
}

async function scrape(url: string): Promise<string> {
  const response = await fetch(url);
  expect(response.status).toBe(200);
  return response.text();
}

describe('memtool metrics', () => {
  test('prints the text of all agents, with pid and name on every series', async () => {
    const directory = freshDirectory();
    const one = await startApplication(directory);
    const two = await startApplication(directory);
    const { stdout, stderr, exitCode } = await memtool(['metrics'], directory);
    expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 });
    const families = parseText(stdout);
    expect(families).toBeDefined();
    for (const { child } of [one, two]) {
      expect(stdout).toContain(`memtool_up{pid="${child.pid}",name="orders"} 1\n`);
      expect(stdout).toContain(
        `memtool_pool_used_bytes{pid="${child.pid}",name="orders",manager="orders",pool="cache"} ${90 * MIB}\n`,
      );
      expect(stdout).toContain(
        `memtool_pool_level{pid="${child.pid}",name="orders",manager="orders",pool="cache"} 1\n`,
      );
    }
    for (const { samples, name } of families ?? []) {
      for (const { labels } of samples)
        if (name !== 'memtool_processes') expect(Object.keys(labels).slice(0, 2)).toEqual(['pid', 'name']);
    }
    expect(stdout).not.toContain('memtool_series_omitted');
    await Promise.all([one.end(), two.end()]);
  });

  test('the agent itself says the same, without pid and name', async () => {
    const directory = socketDirectory();
    const subject = await startApplication(directory);
    const { headers, body } = await ask(await subject.appeared('.sock'), '/metrics');
    expect(headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(body).toContain(`memtool_pool_used_bytes{manager="orders",pool="cache"} ${90 * MIB}\n`);
    expect(body).toContain('memtool_level 1\n');
    expect(body).toContain('memtool_leak_bytes{verdict="leak",kind="lost",source="pool"} 0\n');
    expect(body).toMatch(/^memtool_heap_space_used_bytes\{space="old_space"\} \d+$/m);
    // Nobody has asked for a reading of the heap, and a scrape does not.
    expect(body).not.toContain('source="heap"');
    expect(body).not.toContain('memtool_heap_read_timestamp_seconds');
    const before = Date.now() / 1000;
    await subject.json('/v1/leaks?age=0');
    const after = await subject.ask('/metrics');
    const readAt = Number(/^memtool_heap_read_timestamp_seconds (\S+)$/m.exec(after.body)?.[1]);
    expect(readAt).toBeGreaterThan(before - 1);
    expect((await subject.ask('/metrics')).body).toContain(`memtool_heap_read_timestamp_seconds ${readAt}\n`);
    await subject.end();
  });

  test('--json prints one object with the samples', async () => {
    const directory = freshDirectory();
    const subject = await startApplication(directory);
    const outcome = await memtool(['metrics', 'orders', '--json'], directory);
    expect(outcome).toMatchObject({ stderr: '', exitCode: 0 });
    const report = json<MetricsReport>(outcome);
    expect(report).toMatchObject({
      schemaVersion: 1,
      command: 'metrics',
      processes: [{ pid: subject.child.pid, name: 'orders', nodeVersion: process.version }],
    });
    const [found] = report.processes;
    expect(found && 'metrics' in found ? found.metrics : []).toContainEqual({
      name: 'memtool_pool_rejections_total',
      type: 'counter',
      help: 'Requests refused because of a limit.',
      samples: expect.arrayContaining([{ labels: { manager: 'orders', pool: 'cache' }, value: 0 }]),
    });
    await subject.end();
  });

  test('with nothing running says so in the same format, for a collector of text files', async () => {
    const { stdout, stderr, exitCode } = await memtool(['metrics'], freshDirectory());
    expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 });
    expect(parseText(stdout)).toMatchObject([{ name: 'memtool_processes', samples: [{ labels: {}, value: 0 }] }]);
  });

  test('one of several that does not answer has memtool_up 0, and the exit code is 2', async () => {
    const directory = freshDirectory();
    const subject = await startApplication(directory);
    const { pid } = await startAgent('hung', directory);
    const { stdout, exitCode } = await memtool(['metrics', '--timeout', '2'], directory);
    expect(exitCode).toBe(2);
    expect(stdout).toMatch(new RegExp(`^memtool_up\\{pid="${pid}",name="agent.js"\\} 0$`, 'm'));
    expect(stdout).toContain(`memtool_up{pid="${subject.child.pid}",name="orders"} 1\n`);
    await subject.end();
  });

  test('what is no answer in the format of Prometheus is refused', async () => {
    const directory = freshDirectory();
    const { pid } = await startAgent('not-json', directory);
    const outcome = await memtool(['metrics', String(pid), '--json'], directory);
    expect(outcome.exitCode).toBe(2);
    expect(json<ErrorReport>(outcome).error.code).toBe('MEMTOOL_BAD_ANSWER');
  });

  test.each(['', 'x', '1:2:3', '70000', '-1', '[::1', 'localhost:'])('--listen %j is refused', async (address) => {
    const outcome = await memtool(['metrics', '--json', '--listen', address], freshDirectory());
    expect(outcome.exitCode).toBe(2);
    expect(json<ErrorReport>(outcome).error.code).toBe('MEMTOOL_INVALID_OPTION');
  });
});

describe('memtool metrics --listen', () => {
  test('finds the processes anew at each scrape, on loopback, and ends with Ctrl-C', async () => {
    const directory = freshDirectory();
    const { url, ended, kill } = await serve([], directory);
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/metrics$/);
    expect(await scrape(url)).toContain('memtool_processes 0\n');
    const subject = await startApplication(directory);
    expect(await scrape(url)).toContain(`memtool_up{pid="${subject.child.pid}",name="orders"} 1\n`);
    await subject.end();
    expect(await scrape(url)).toContain('memtool_processes 0\n');
    kill('SIGINT');
    expect(await ended).toBe(130);
  });

  test('says where, for a person', async () => {
    const { child } = start(['metrics', 'orders', '--listen', 'localhost:0'], freshDirectory());
    expect(await nextOutput(child)).toMatch(
      /^Serving the metrics of the processes that orders names at http:\/\/(127\.0\.0\.1|\[::1\]):\d+\/metrics; Ctrl-C ends\.\n$/,
    );
  });

  test('answers when a process hangs, and when nothing has the name', async () => {
    const directory = freshDirectory();
    const { pid } = await startAgent('hung', directory);
    const subject = await startApplication(directory);
    const { url } = await serve(['--timeout', '2'], directory);
    const text = await scrape(url);
    expect(text).toContain(`memtool_up{pid="${pid}",name="agent.js"} 0\n`);
    expect(text).toContain(`memtool_up{pid="${subject.child.pid}",name="orders"} 1\n`);
    const other = await serve(['nobody', '--timeout', '0.3'], directory);
    expect(await scrape(other.url)).toContain('memtool_processes 0\n');
    await subject.end();
  });

  test('nothing else is served, and what is no request takes nothing from others', async () => {
    const { url } = await serve([], freshDirectory());
    const root = url.replace('/metrics', '/');
    expect((await fetch(root)).status).toBe(404);
    expect((await fetch(`${root}/metrics/../../etc/passwd`)).status).toBe(404);
    const posted = await fetch(url, { method: 'POST', body: 'x' });
    expect([posted.status, posted.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
    expect((await fetch(url, { method: 'HEAD' })).status).toBe(200);
    expect((await fetch(`${url}?x=1`)).status).toBe(200);
    const raw = connect(Number(new URL(url).port), '127.0.0.1');
    raw.on('error', () => {});
    raw.end('garbage\r\n\r\n');
    raw.resume();
    await once(raw, 'close');
    expect((await fetch(url)).status).toBe(200);
  });

  test('however many ask, each gets the whole answer; connections that say nothing are dropped', async () => {
    const directory = freshDirectory();
    const subject = await startApplication(directory);
    const { url } = await serve([], directory);
    const texts = await Promise.all(Array.from({ length: 30 }, () => scrape(url)));
    for (const text of texts) expect(text).toContain(`memtool_up{pid="${subject.child.pid}",name="orders"} 1\n`);
    const port = Number(new URL(url).port);
    const silent = Array.from({ length: 100 }, () => connect(port, '127.0.0.1').on('error', () => {}));
    // The server has room for 64, and waits five seconds for a request.
    await Promise.all(silent.map((socket) => (socket.resume(), once(socket, 'close'))));
    expect((await fetch(url)).status).toBe(200);
    await subject.end();
  });

  test('a port that is taken is said, with what to do', async () => {
    const directory = freshDirectory();
    const { url } = await serve([], directory);
    const outcome = await memtool(['metrics', '--json', '--listen', new URL(url).port], directory);
    expect(outcome.exitCode).toBe(2);
    expect(json<ErrorReport>(outcome).error).toMatchObject({
      code: 'MEMTOOL_CANNOT_LISTEN',
      hint: expect.stringContaining('--listen 0'),
    });
  });

  test('a socket directory that cannot be trusted is a 503 with the reason, until it is put right', async () => {
    const directory = freshDirectory();
    const { url } = await serve([], directory);
    const { chmodSync } = await import('node:fs');
    chmodSync(directory, 0o755);
    const refused = await fetch(url);
    expect(refused.status).toBe(503);
    expect(await refused.text()).toContain('cannot be trusted');
    chmodSync(directory, 0o700);
    expect((await fetch(url)).status).toBe(200);
  });
});

test('a process without an agent that is named by its pid is attached to, unless that is not wanted', async () => {
  const directory = freshDirectory();
  const { pid } = await startProgram(['-e', 'console.log("ready"); setInterval(() => {}, 1000)'], directory);
  const outcome = await memtool(['metrics', String(pid), '--json', '--no-attach'], directory);
  expect(outcome.exitCode).toBe(2);
  expect(json<ErrorReport>(outcome).error.code).toBe('MEMTOOL_NO_AGENT');
});
