import { AsyncResource } from 'node:async_hooks';
import { EventEmitter, once } from 'node:events';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { codeOf, makeManager, wrong } from '../make-manager.ts';

function make() {
  const { memory } = makeManager();
  return { memory, pool: memory.pool('query'), name: () => memory.activeScope?.name };
}

describe('the active scope', () => {
  test('survives awaits, timers, streams and emitters bound to it', async () => {
    const { memory, name } = make();
    const seen: Record<string, string | undefined> = {};
    const emitter = new EventEmitter();
    await memory.query('q', {}, async () => {
      await Promise.resolve();
      seen['await'] = name();
      await setTimeout(1);
      seen['timer'] = name();
      await setImmediate();
      seen['immediate'] = name();
      await new Promise<void>((resolve) => process.nextTick(resolve));
      seen['tick'] = name();
      await pipeline(Readable.from(['a', 'b']), async (chunks) => {
        for await (const chunk of chunks) seen[`stream ${String(chunk)}`] = name();
      });
      emitter.on(
        'bound',
        AsyncResource.bind(() => (seen['bound'] = name())),
      );
      emitter.on('free', () => (seen['free'] = name()));
      const told = once(emitter, 'told');
      memory.untracked(() => emitter.emit('bound'));
      memory.untracked(() => emitter.emit('free'));
      emitter.emit('told');
      await told;
      seen['once'] = name();
    });
    const { free, ...others } = seen;
    expect(free).toBeUndefined();
    expect(Object.keys(others)).toHaveLength(8);
    expect(new Set(Object.values(others))).toEqual(new Set(['q']));
    expect(name()).toBeUndefined();
  });

  test('of 100 users at once is each its own, and each is charged its own only', async () => {
    const { memory, pool, name } = make();
    const work = async (number: number): Promise<void> =>
      memory.query(`q${number}`, { user: `u${number}`, limit: 10_000 }, async (query) => {
        for (let round = 0; round < 10; round += 1) {
          const held = pool.reserveOrThrow(number + 1);
          // oxlint-disable-next-line no-await-in-loop -- interleaves with the others
          await ((number + round) % 3 === 0 ? setImmediate() : Promise.resolve());
          expect(name()).toBe(`q${number}`);
          expect([query.usedBytes, query.user?.usedBytes]).toEqual([number + 1, number + 1]);
          held.free();
        }
        expect(query.peakBytes).toBe(number + 1);
      });
    await Promise.all(Array.from({ length: 100 }, (_, number) => work(number)));
    expect(pool.usedBytes).toBe(0);
    expect(pool.peakBytes).toBe((100 * 101) / 2);
  });

  test('is the inner one while nested, again itself when entered anew, and the outer one after', () => {
    const { memory, name } = make();
    memory.query('outer', {}, (outer) => {
      memory.procedure('inner', {}, (inner) => {
        expect([name(), inner.parent]).toEqual(['inner', outer]);
        expect(outer.run(() => inner.run(() => outer.run(name)))).toBe('outer');
        expect(name()).toBe('inner');
      });
      expect(name()).toBe('outer');
    });
    expect(name()).toBeUndefined();
  });

  test('is none in untracked, across its awaits, and a scope opened in there hangs on none', async () => {
    const { memory, pool, name } = make();
    await memory.query('q', {}, async (query) => {
      await memory.untracked(async () => {
        await setImmediate();
        expect(name()).toBeUndefined();
        pool.reserveOrThrow(10).free();
        const held = pool.reserveOrThrow(10);
        expect(query.usedBytes).toBe(0);
        memory.query('within', {}, (within) => {
          const own = pool.reserveOrThrow(5);
          expect([within.parent, within.usedBytes, query.usedBytes]).toEqual([undefined, 5, 0]);
          own.free();
        });
        held.free();
      });
      expect(name()).toBe('q');
    });
  });

  test('of a continuation that outlives its query is the innermost open thing that hung above it', async () => {
    const { memory, pool, name } = make();
    const user = memory.openUser('ana');
    const transaction = memory.openTransaction('t', { user: 'ana' });
    const procedure = memory.openProcedure('p');
    const query = procedure.run(() => memory.openQuery('q', { transaction: 't' }));
    const seen: (string | undefined)[] = [];
    const look = query.run(() => AsyncResource.bind(() => void seen.push(name())));
    for (const scope of [query, procedure]) {
      look();
      scope.close();
    }
    look();
    query.run(() => {
      const held = pool.reserveOrThrow(7);
      expect([transaction.usedBytes, user.usedBytes]).toEqual([7, 7]);
      held.free();
    });
    transaction.close();
    look();
    user.close();
    look();
    expect(seen).toEqual(['q', 'p', 't', 'ana', undefined]);
  });
});

describe('a scope ends, and what its function came to passes through unchanged', () => {
  const error = new Error('mine');
  const fail = () => {
    throw error;
  };

  test.each([
    ['a value', () => 42, 42],
    ['undefined', () => undefined, undefined],
    ['an object', () => error, error],
  ])('%s', (_, fn, expected) => {
    const { memory } = make();
    expect(memory.query('q', {}, (): unknown => fn())).toBe(expected);
    expect(memory.endedScopes()).toHaveLength(1);
  });

  test('an error that is thrown', () => {
    const { memory } = make();
    for (const open of ['query', 'transaction', 'user', 'procedure'] as const)
      expect(codeOf(() => memory[open](open, {}, fail))).toBe(error);
    expect(memory.endedScopes().map(({ kind }) => kind)).toEqual(['procedure', 'user', 'transaction', 'query']);
  });

  test('a rejection, once it comes', async () => {
    const { memory } = make();
    const promise = memory.query('q', {}, async () => {
      await setImmediate();
      throw error;
    });
    expect(memory.endedScopes()).toEqual([]);
    await expect(promise).rejects.toBe(error);
    expect(memory.endedScopes()).toHaveLength(1);
  });

  test('a thenable that starts when it is awaited: it runs once, in the scope, which waits for it', async () => {
    const { memory, pool } = make();
    let started = 0;
    const thenable = {
      // oxlint-disable-next-line unicorn/no-thenable -- a query builder is one
      then(resolve: (value: string | undefined) => void) {
        started += 1;
        const held = pool.reserveOrThrow(10);
        void setImmediate().then(() => {
          held.free();
          resolve(memory.activeScope?.name);
        });
      },
    };
    const result: PromiseLike<string | undefined> = memory.query('q', {}, () =>
      wrong<PromiseLike<string | undefined>>(thenable),
    );
    expect(await result).toBe('q');
    expect(started).toBe(1);
    expect(memory.endedScopes()).toMatchObject([{ name: 'q', peakBytes: 10, leftBytes: 0 }]);
  });

  test('a promise of another realm', async () => {
    const { memory } = make();
    const promise: unknown = memory.query('q', {}, (): unknown => runInNewContext('Promise.resolve(7)'));
    expect(memory.endedScopes()).toEqual([]);
    expect(await promise).toBe(7);
    expect(memory.endedScopes()).toHaveLength(1);
  });

  test('a generator, whose body runs in the scope of whoever pulls', async () => {
    const { memory, name } = make();
    const lazy = memory.query('q', {}, function* () {
      yield name();
    });
    expect(memory.endedScopes()).toHaveLength(1);
    memory.query('puller', {}, () => expect([...lazy]).toEqual(['puller']));
    const later = memory.query('q', {}, async function* () {
      await setImmediate();
      yield name();
    });
    await memory.query('puller', {}, async () => {
      for await (const seen of later) expect(seen).toBe('puller');
    });
  });

  test('a scope that its own function closed', () => {
    const { memory } = make();
    expect(memory.query('q', {}, (query) => (query.close(), query.close(), 1))).toBe(1);
    expect(memory.endedScopes()).toHaveLength(1);
  });
});
