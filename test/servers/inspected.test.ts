/** What is seen of requests from the shell: the real `bin`, and real servers in processes of their own. */
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { spawn } from 'node:child_process';
import { expect, onTestFinished, test } from 'vitest';
import type { LeaksReport } from '../../src/report/leaks.ts';
import type { StatsReport } from '../../src/report/stats.ts';
import { environment, freshDirectory, json, memtool } from '../commands/memtool.ts';
import { KINDS } from './serve.ts';

const FIXTURE = fileURLToPath(new URL('../fixtures/server.js', import.meta.url));

async function startServer(kind: string): Promise<{ directory: string; port: number }> {
  const directory = freshDirectory();
  const child = spawn(process.execPath, [FIXTURE, kind], {
    env: environment(directory),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const [line] = await once(child.stdout, 'data');
  return { directory, port: Number(String(line).match(/\d+/)?.[0]) };
}

async function scopes(directory: string): Promise<string[]> {
  const outcome = await memtool(['stats', 'orders', '--json'], directory);
  expect(outcome).toMatchObject({ stderr: '', exitCode: 0 });
  return json<StatsReport>(outcome).processes.flatMap((found) =>
    'error' in found ? [] : found.scopes.map(({ kind, name, usedBytes }) => `${kind} ${name} ${usedBytes}`),
  );
}

test.each(KINDS)('%s: the running requests are in stats, what one has left behind is in leaks', async (kind) => {
  const { directory, port } = await startServer(kind);
  const ask = (path: string, user: string): Promise<Response> =>
    fetch(`http://127.0.0.1:${port}${path}`, { headers: { 'x-user': user } });
  const running = [ask('/orders/3', 'u3'), ask('/orders/4', 'u4')];
  expect((await ask('/forgets/5', 'cy')).status).toBe(200);
  await expect
    .poll(async () => (await scopes(directory)).toSorted(), { timeout: 25_000, interval: 100 })
    .toEqual(
      expect.arrayContaining([
        'query GET /orders/:id 3000000',
        'query GET /orders/:id 4000000',
        'user u3 3000000',
        'user u4 4000000',
      ]),
    );
  const shown = await memtool(['stats', 'orders', '--scopes'], directory);
  expect(shown).toMatchObject({ stderr: '', exitCode: 0 });
  expect(shown.stdout).toMatch(/query +GET \/orders\/:id +u4 .* 3\.8 MiB +9\.5 MiB/);
  const refused = await ask('/orders/11', 'di');
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
  const leaks = await memtool(['leaks', 'orders'], directory);
  expect(leaks).toMatchObject({ stderr: '', exitCode: 1 });
  expect(leaks.stdout).toMatch(/leak +orphaned +query +session +1 +4\.9 KiB/);
  expect(leaks.stdout).toContain('Held for query GET /forgets/:id, user cy.');
  const { processes } = json<LeaksReport>(await memtool(['leaks', 'orders', '--json'], directory));
  expect(processes).toMatchObject([{ leaks: [{ kind: 'orphaned', scope: { name: 'GET /forgets/:id', user: 'cy' } }] }]);
  await ask('/go', 'ana');
  expect(await Promise.all(running.map(async (answer) => (await answer).text()))).toEqual([
    '3000000 bytes of rows',
    '4000000 bytes of rows',
  ]);
  // Whose memory is held by nobody's request any more.
  await expect.poll(() => scopes(directory), { timeout: 25_000, interval: 100 }).toEqual(['user cy 5000']);
});
