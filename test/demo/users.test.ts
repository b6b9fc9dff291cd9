import { expect, test } from 'vitest';
import { Engine } from '../../src/demo/engine.ts';
import { makeOrders } from '../../src/demo/orders.ts';
import { QueryMix } from '../../src/demo/query-mix.ts';
import { CLEO, USERS_BY_THREAD, type User } from '../../src/demo/users.ts';
import { testPools } from './pools.ts';

const TURNS = 20;

const orders = makeOrders();

/** The turns in which a user is refused. */
function refusals(user: User): { turn: number; account: string }[] {
  const { memory, manager } = testPools();
  manager.openUser(user.name, user.limit === undefined ? {} : { limit: user.limit });
  const engine = new Engine(memory, [orders]);
  const mix = new QueryMix(1);
  return Array.from({ length: TURNS }, (_, turn) => user.ask(mix, turn)).flatMap((texts, turn) =>
    texts.flatMap((text) => {
      const outcome = memory.inQuery({ query: `q-${turn}`, user: user.name }, () => engine.run(text, () => 0));
      return outcome.kind === 'refused' ? [{ turn, account: outcome.account }] : [];
    }),
  );
}

test('the user with a limit hits it regularly, from the first turn on; nobody else is refused anything', () => {
  for (const user of USERS_BY_THREAD.flat()) {
    const expected = user === CLEO ? [0, 10].map((turn) => ({ turn, account: 'cleo' })) : [];
    expect(refusals(user), user.name).toEqual(expected);
  }
});

test('an export of two months fits, for the cache is to be filled', () => {
  const { memory, manager } = testPools();
  manager.openUser('cleo', { limit: '12MiB' });
  const engine = new Engine(memory, [orders]);
  const mix = new QueryMix(1);
  for (let index = 0; index < TURNS; index += 1) {
    const outcome = memory.inQuery({ query: `q-${index}`, user: 'cleo' }, () => engine.run(mix.export(), () => 0));
    expect(outcome.kind).toBe('answered');
  }
});
