import { AsyncLocalStorage } from 'node:async_hooks';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { Shared } from '../../src/memory/shared-values.ts';
import { codeOf, makeManager, wrong } from './make-manager.ts';

/** What a database's session is: it knows who asks by whoever runs, and holds nothing of anyone. */
class Session {
  static made = 0;
  isClosed = false;
  readonly number: number = (Session.made += 1);

  close(): void {
    this.isClosed = true;
  }
}

/** 1,000 holders of one value, asked for at once. */
function thousand<Held>(ask: () => Held): Held[] {
  return Array.from({ length: 1000 }, ask);
}

function one(): number {
  return 1;
}

function fail(): Session {
  throw new TypeError('on purpose');
}

/** Those that keep the process alive. */
function timers(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
}

async function codeOfPromise(promise: Promise<unknown>): Promise<unknown> {
  try {
    return await promise;
  } catch (error) {
    return codeOf(() => {
      throw error;
    });
  }
}

describe('one value for all', () => {
  test('1,000 calls create one, and the last release disposes of it', () => {
    const { memory } = makeManager();
    Session.made = 0;
    const holders = thousand(() =>
      memory.shared('session', () => new Session(), { dispose: (session) => session.close() }),
    );
    const [first, ...others] = holders;
    if (first === undefined) throw new Error('there are 1,000');
    const session = first.value;
    expect([Session.made, new Set(holders.map(({ value }) => value)).size, first.holders]).toEqual([1, 1, 1000]);
    for (const holder of others) holder.release();
    expect([session.isClosed, first.holders, first.key]).toEqual([false, 1, 'session']);
    first.release();
    expect(session.isClosed).toBe(true);
    expect(memory.shared('session', () => new Session()).value.number).toBe(2);
  });

  test('1,000 calls at once wait for the same promise', async () => {
    const { memory } = makeManager();
    Session.made = 0;
    let isDisposed = false;
    const holders = await Promise.all(
      thousand(() =>
        memory.shared(
          'session',
          async () => {
            await setTimeout(5);
            return new Session();
          },
          { dispose: () => void (isDisposed = true) },
        ),
      ),
    );
    expect([Session.made, holders[0]?.holders]).toEqual([1, 1000]);
    // Once it is there, it is still a promise that is given.
    const later = memory.shared('session', async () => new Session());
    expect(later).toBeInstanceOf(Promise);
    expect((await later).value).toBe(holders[0]?.value);
    (await later).release();
    for (const holder of holders) {
      expect(isDisposed).toBe(false);
      holder.release();
    }
    expect(isDisposed).toBe(true);
  });

  test('of 100 users at once all use it, and each sees its own data only', async () => {
    const { memory } = makeManager();
    const requests = new AsyncLocalStorage<{ user: string }>();
    const tables = new Map(Array.from({ length: 100 }, (_, user) => [`u${user}`, `rows of u${user}`]));
    let made = 0;
    const seenByCreate: unknown[] = [];
    const look = (): void => void seenByCreate.push(memory.activeScope?.name, requests.getStore());
    const open = async (): Promise<{ rows: () => Promise<string | undefined> }> => {
      made += 1;
      look();
      await setTimeout(2);
      look();
      return {
        rows: async () => {
          await setImmediate();
          return tables.get(requests.getStore()?.user ?? '');
        },
      };
    };
    const pool = memory.pool('query');
    const seen = await Promise.all(
      Array.from({ length: 100 }, (_, number) => {
        const user = `u${number}`;
        return requests.run({ user }, () =>
          memory.query(`q${number}`, { user, limit: 1000 }, async (query) => {
            const session = await memory.shared('session', open, { bytes: 5000, pool });
            const held = pool.reserveOrThrow(number + 1);
            const rows = await session.value.rows();
            expect([memory.activeScope?.name, requests.getStore()]).toEqual([`q${number}`, { user }]);
            expect([query.usedBytes, query.user?.usedBytes]).toEqual([number + 1, number + 1]);
            held.free();
            session.release();
            return rows;
          }),
        );
      }),
    );
    expect(seen).toEqual([...tables.values()]);
    expect([made, seenByCreate]).toEqual([1, [undefined, undefined, undefined, undefined]]);
    expect(pool.usedBytes).toBe(0);
  });
});

describe('when it cannot be made', () => {
  test('all who wait fail, and the next call tries again', async () => {
    const { memory } = makeManager();
    let tries = 0;
    const create = async (): Promise<number> => {
      tries += 1;
      await setImmediate();
      if (tries === 1) throw new Error('no connection');
      return tries;
    };
    const outcomes = await Promise.allSettled(thousand(() => memory.shared('session', create)));
    expect(new Set(outcomes.map((outcome) => outcome.status === 'rejected' && String(outcome.reason)))).toEqual(
      new Set(['Error: no connection']),
    );
    expect((await memory.shared('session', create)).value).toBe(2);
  });

  test('what throws at once does so too, and leaves nothing charged', () => {
    const { memory } = makeManager();
    expect(() => memory.shared('session', fail, { bytes: 100 })).toThrow('on purpose');
    expect(memory.usedBytes).toBe(0);
    expect(memory.shared('session', () => 5).value).toBe(5);
  });

  test('asking for a value within what makes it is refused rather than waited for', () => {
    const { memory } = makeManager();
    const recurse = (): unknown => memory.shared('a', recurse);
    expect(codeOf(recurse)).toBe('MEMTOOL_INVALID_OPTION');
    expect(memory.shared('a', () => 1).value).toBe(1);
  });
});

describe('releases', () => {
  test('twice by one holder is an error; by using it is not', () => {
    const { memory } = makeManager();
    const other = memory.shared('a', () => ({}));
    const holder = memory.shared('a', () => ({}));
    holder.release();
    expect(codeOf(() => holder.release())).toBe('MEMTOOL_DOUBLE_FREE');
    expect(codeOf(() => holder.value)).toBe('MEMTOOL_USE_AFTER_FREE');
    holder[Symbol.dispose]();
    expect(other.holders).toBe(1);
    expect(JSON.parse(JSON.stringify(holder))).toEqual({ key: 'a', holders: 1, isReleased: true });
  });

  test('await using waits for the disposal', async () => {
    const { memory } = makeManager();
    let isDisposed = false;
    const dispose = async (): Promise<void> => {
      await setTimeout(2);
      isDisposed = true;
    };
    const holder = memory.shared('a', () => 1, { dispose });
    await holder[Symbol.asyncDispose]();
    expect(isDisposed).toBe(true);
    await holder[Symbol.asyncDispose]();
  });

  test('the value is kept for idleMs, for whoever asks next, and keeps no process alive', async () => {
    const { memory } = makeManager();
    const disposed: number[] = [];
    let made = 0;
    const hold = (): Shared<number> =>
      memory.shared('a', () => (made += 1), { idleMs: 20, dispose: (value) => void disposed.push(value), bytes: 10 });
    hold().release();
    const again = hold();
    expect([again.value, again.holders, memory.usedBytes]).toEqual([1, 1, 10]);
    await setTimeout(40);
    expect(disposed).toEqual([]);
    const before = timers();
    again.release();
    expect([timers(), disposed]).toEqual([before, []]);
    await expect.poll(() => disposed, { timeout: 10_000 }).toEqual([1]);
    expect(memory.usedBytes).toBe(0);
    expect(hold().value).toBe(2);
  });

  test('what is idle ends with the manager; what is held ends with its holder', () => {
    const { memory } = makeManager();
    const disposed: string[] = [];
    const hold = (key: string): Shared<string> =>
      memory.shared(key, () => key, { idleMs: 60_000, dispose: (value) => void disposed.push(value) });
    hold('idle').release();
    const held = hold('held');
    memory.close();
    expect([disposed, held.value]).toEqual([['idle'], 'held']);
    expect(codeOf(() => hold('more'))).toBe('MEMTOOL_CLOSED');
    held.release();
    memory.close();
  });
});

describe('the charge', () => {
  test('is the pool’s, by the key, from before it is made', async () => {
    const { memory } = makeManager();
    const pool = memory.pool('temp');
    const holder = await memory.query('q', { limit: 10 }, async (query) => {
      const shared = await memory.shared(
        'session',
        async () => {
          expect(pool.usedBytes).toBe(3000);
          return 1;
        },
        { bytes: 3000, pool: 'temp' },
      );
      expect(query.usedBytes).toBe(0);
      return shared;
    });
    expect(memory.leaks({ ageSeconds: 0 }).leaks).toEqual([]);
    expect(pool.usedBytes).toBe(3000);
    expect(memory.consumers(pool)).toMatchObject([{ tag: 'shared:session', bytes: 3000 }]);
    holder.release();
    expect(pool.usedBytes).toBe(0);
  });

  test('may be told by the value; where it is refused, the value is disposed of and nobody gets it', async () => {
    const { memory } = makeManager({ pools: { cache: { limit: 1000 } } });
    let disposed = 0;
    const options = { bytes: (text: string) => text.length, dispose: () => void (disposed += 1) };
    const holder = memory.shared('small', () => 'a'.repeat(600), options);
    expect(memory.pool('cache').usedBytes).toBe(600);
    expect(codeOf(() => memory.shared('large', () => 'a'.repeat(600), options))).toBe('MEMTOOL_LIMIT');
    expect(await codeOfPromise(memory.shared('large', async () => 'a'.repeat(600), options))).toBe('MEMTOOL_LIMIT');
    expect(disposed).toBe(2);
    let made = 0;
    expect(codeOf(() => memory.shared('before', () => (made += 1), { bytes: 600 }))).toBe('MEMTOOL_LIMIT');
    expect(made).toBe(0);
    holder.release();
    expect([memory.usedBytes, disposed]).toEqual([0, 3]);
  });

  test('is stale only when nobody has asked for the value for that long', () => {
    const { clock, memory } = makeManager();
    const hold = (): Shared<number> => memory.shared('session', one, { bytes: 10 });
    hold();
    for (let minute = 0; minute < 20; minute += 1) {
      clock.advance(60);
      hold().release();
    }
    expect(memory.leaks().leaks).toEqual([]);
    clock.advance(301);
    expect(memory.leaks().leaks).toMatchObject([{ kind: 'stale', tag: 'shared:session', oldestAgeSeconds: 301 }]);
  });

  test('of more keys than there may be tags is known by one', () => {
    const { memory } = makeManager();
    const holders = Array.from({ length: 100 }, (_, user) => memory.shared(`u${user}`, () => user, { bytes: 10 }));
    const consumers = memory.consumers(memory.pool('cache'));
    expect(consumers[0]).toMatchObject({ tag: 'shared:(others)', bytes: 360 });
    for (const holder of holders) holder.release();
    expect(memory.usedBytes).toBe(0);
  });
});

test('keys, sizes and times that make no sense are refused', () => {
  const { memory } = makeManager();
  expect(codeOf(() => memory.shared('', one))).toBe('MEMTOOL_INVALID_OPTION');
  expect(codeOf(() => memory.shared(wrong<string>(5), one))).toBe('MEMTOOL_INVALID_OPTION');
  expect(codeOf(() => memory.shared('a', one, { idleMs: -1 }))).toBe('MEMTOOL_INVALID_OPTION');
  expect(codeOf(() => memory.shared('a', one, { idleMs: Infinity }))).toBe('MEMTOOL_INVALID_OPTION');
  expect(codeOf(() => memory.shared('a', one, { bytes: -1 }))).toBe('MEMTOOL_INVALID_SIZE');
  expect(codeOf(() => memory.shared('a', one, { bytes: 1, pool: 'none' }))).toBe('MEMTOOL_UNKNOWN_POOL');
  const pool = makeManager().memory.pool('cache');
  expect(codeOf(() => memory.shared('a', one, { bytes: 1, pool }))).toBe('MEMTOOL_INVALID_OPTION');
  expect(memory.usedBytes).toBe(0);
  memory.shared('a', one).release();
});
