import { AsyncLocalStorage } from 'node:async_hooks';
import { spawnSync } from 'node:child_process';
import { channel } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { DiagnosticsMessages } from '../../src/memory/diagnostics.ts';
import { isGranted, makeManager } from './make-manager.ts';

/** What the channel says from now on. */
function listen<Name extends keyof DiagnosticsMessages>(
  name: Name,
  hear: (message: DiagnosticsMessages[Name]) => void = () => undefined,
): DiagnosticsMessages[Name][] {
  const heard: DiagnosticsMessages[Name][] = [];
  const subscriber = (message: unknown): void => {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what the channel is documented to have
    const known = message as DiagnosticsMessages[Name];
    heard.push(known);
    hear(known);
  };
  const found = channel(name);
  found.subscribe(subscriber);
  onTestFinished(() => found.unsubscribe(subscriber));
  return heard;
}

describe('memtool:refusal', () => {
  test('says who refused what to whom, in plain facts', () => {
    const { memory } = makeManager({ pools: { results: { limit: 10_240 } } });
    const heard = listen('memtool:refusal');
    const pool = memory.pool('results');
    pool.reserveOrThrow(8192, { tag: 'rows' });
    expect(heard).toEqual([]);
    expect(isGranted(pool.reserve(4096, { tag: 'rows' }))).toBe(false);
    expect(heard).toEqual([
      {
        manager: 'test',
        pool: 'results',
        account: { kind: 'pool', name: 'results', usedBytes: 8192, limitBytes: 10_240 },
        askedBytes: 4096,
        availableBytes: 2048,
        scope: null,
      },
    ]);
    expect(structuredClone(heard)).toEqual(heard);
  });

  test('comes once for each refused request, whichever way it was asked', () => {
    const { memory } = makeManager({ pools: { results: { limit: 10_240 }, other: { limit: 100 } } });
    const heard = listen('memtool:refusal');
    const pool = memory.pool('results');
    const held = pool.reserveOrThrow(8192);
    expect(() => pool.reserveOrThrow(5000)).toThrow('refused');
    expect(isGranted(pool.allocate(5001))).toBe(false);
    expect(() => pool.allocateOrThrow(5002)).toThrow('refused');
    expect(held.tryGrow(5003)).toBe(false);
    expect(held.transferTo(memory.pool('other'))).toBe(false);
    expect(isGranted(pool.allocate(2 ** 52))).toBe(false);
    expect(heard.map(({ pool: name, askedBytes }) => [name, askedBytes])).toEqual([
      ['results', 5000],
      ['results', 5001],
      ['results', 5002],
      ['results', 5003],
      ['other', 8192],
      ['results', 2 ** 52],
    ]);
    const counted = memory.stats().pools.reduce((sum, { rejections }) => sum + rejections, 0);
    expect(counted).toBe(heard.length);
  });

  test('names the account whose limit it was, and the scope that asked', () => {
    const { memory } = makeManager({ limit: 100_000, pools: { results: {} } });
    const heard = listen('memtool:refusal');
    const pool = memory.pool('results');
    memory.user('ana', { limit: 5000 }, () =>
      memory.query('q-1', { user: 'ana' }, (query) => {
        expect(isGranted(pool.reserve(6000, { tag: 'rows' }))).toBe(false);
        expect(isGranted(memory.untracked(() => pool.reserve(6000, { tag: 'rows', scope: query })))).toBe(false);
        memory.untracked(() => pool.reserve(200_000, { tag: 'rows' }));
      }),
    );
    const scope = { kind: 'query', name: 'q-1', user: 'ana', transaction: null };
    const account = { kind: 'user', name: 'ana', usedBytes: 0, limitBytes: 5000 };
    const refused = { manager: 'test', pool: 'results' };
    expect(heard).toEqual([
      { ...refused, account, askedBytes: 6000, availableBytes: 5000, scope },
      { ...refused, account, askedBytes: 6000, availableBytes: 5000, scope },
      {
        ...refused,
        account: { kind: 'manager', name: 'test', usedBytes: 0, limitBytes: 100_000 },
        askedBytes: 200_000,
        availableBytes: 100_000,
        scope: null,
      },
    ]);
  });

  test('comes in the async context of the code that asked', async () => {
    const { memory } = makeManager({ pools: { results: { limit: 10 } } });
    const requests = new AsyncLocalStorage<string>();
    const seen: (string | undefined)[] = [];
    listen('memtool:refusal', () => seen.push(requests.getStore()));
    await requests.run('request 7', async () => {
      await Promise.resolve();
      memory.pool('results').reserve(11);
    });
    expect(seen).toEqual(['request 7']);
  });

  test('a subscriber that throws takes nothing from the request: Node.js throws it again with the next tick', async () => {
    const { memory } = makeManager({ pools: { results: { limit: 10 } } });
    listen('memtool:refusal', () => {
      throw new Error('from the subscriber');
    });
    const listeners = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    onTestFinished(() => {
      for (const listener of listeners) process.on('uncaughtException', listener);
    });
    const thrown = once(process, 'uncaughtException');
    const pool = memory.pool('results');
    expect(isGranted(pool.reserve(11))).toBe(false);
    expect(isGranted(pool.reserve(10))).toBe(true);
    expect(pool.usedBytes).toBe(10);
    expect(await thrown).toMatchObject([{ message: 'from the subscriber' }, 'uncaughtException']);
  });

  test('a subscriber that is refused memory itself is not called for that, and the error is of the first request', () => {
    const { memory } = makeManager({ pools: { results: { limit: 10 }, tiny: { limit: 1 } } });
    const pool = memory.pool('results');
    const heard = listen('memtool:refusal', () => {
      memory.user('ana', { limit: 2 }, () => pool.reserve(5, { tag: 'log' }));
      memory.pool('tiny').reserve(2);
    });
    expect(() => pool.reserveOrThrow(11)).toThrow(/^Pool results refused 11 B/);
    expect(heard).toHaveLength(1);
  });

  test('a subscriber that frees and takes in the same pool leaves the count as it is', () => {
    const { memory } = makeManager({ pools: { results: { limit: 100 } } });
    const pool = memory.pool('results');
    const held = pool.reserveOrThrow(90, { tag: 'held' });
    listen('memtool:refusal', () => {
      held.free();
      pool.reserveOrThrow(30, { tag: 'instead' });
    });
    expect(isGranted(pool.reserve(20, { tag: 'asked' }))).toBe(false);
    expect(pool.usedBytes).toBe(30);
    expect(pool.peakBytes).toBe(90);
  });
});

test('memtool:pressure says what the event says, after the code that crossed the threshold is done', async () => {
  const { memory } = makeManager({ pools: { results: { limit: 1000 } } });
  const heard = listen('memtool:pressure');
  const held = memory.pool('results').reserveOrThrow(850);
  expect(heard).toEqual([]);
  await Promise.resolve();
  held.free();
  await Promise.resolve();
  const account = { kind: 'pool', name: 'results', limitBytes: 1000 };
  expect(heard).toEqual([
    {
      manager: 'test',
      account: { ...account, usedBytes: 850 },
      level: 'warning',
      previous: 'normal',
      usedPercent: 85,
    },
    { manager: 'test', account: { ...account, usedBytes: 0 }, level: 'normal', previous: 'warning', usedPercent: 0 },
  ]);
});

test('memtool:orphaned and memtool:cleanup tell what a scope has left, and that it is taken back', async () => {
  const { memory, clock } = makeManager();
  const orphaned = listen('memtool:orphaned');
  const cleanups = listen('memtool:cleanup');
  memory.query('q-1', { user: 'ana' }, () => memory.pool('query').reserve(4096, { tag: 'rows' }));
  clock.advance(2);
  expect(orphaned).toMatchObject([
    {
      manager: 'test',
      scope: { kind: 'query', name: 'q-1', user: 'ana', leftBytes: 4096 },
      memory: [{ tag: 'rows', count: 1, bytes: 4096 }],
    },
  ]);
  await memory.cleanup({ dryRun: true });
  expect(cleanups).toEqual([]);
  await memory.cleanup();
  expect(cleanups).toMatchObject([
    { manager: 'test', cause: 'request', reclaimed: [{ kind: 'orphaned', tag: 'rows', count: 1, bytes: 4096 }] },
  ]);
  expect(structuredClone([...orphaned, ...cleanups])).toEqual([...orphaned, ...cleanups]);
});

test('all managers of the thread tell, each with its name', () => {
  const one = makeManager({ name: 'one', pools: { results: { limit: 10 } } }).memory;
  const two = makeManager({ name: 'two', pools: { results: { limit: 10 } } }).memory;
  const heard = listen('memtool:refusal');
  one.pool('results').reserve(11);
  two.pool('results').reserve(12);
  expect(heard.map(({ manager }) => manager)).toEqual(['one', 'two']);
});

test('each thread has channels of its own, also of a manager that several share', () => {
  const fixture = fileURLToPath(new URL('../fixtures/diagnostics.js', import.meta.url));
  const { stdout, stderr } = spawnSync(process.execPath, [fixture], { encoding: 'utf8' });
  expect(stderr).toBe('');
  expect(JSON.parse(stdout)).toEqual({ main: [2001], worker: [1001] });
});
