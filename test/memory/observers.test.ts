import { expect, test } from 'vitest';
import type { Observer } from '../../src/memory/observers.ts';
import { makeManager, wrong } from './make-manager.ts';

test.each<[string, Observer, object]>([
  ['answers', () => ({ usedBytes: 5, limitBytes: 10 }), { usedBytes: 5, limitBytes: 10 }],
  ['answers later', async () => ({ usedBytes: 5 }), { usedBytes: 5, limitBytes: null }],
  ['knows no limit', () => ({ usedBytes: 5, limitBytes: Infinity }), { usedBytes: 5, limitBytes: null }],
  [
    'throws',
    () => {
      throw new Error('gone');
    },
    { usedBytes: 0, limitBytes: null, error: 'gone' },
  ],
  [
    'throws what has no text',
    () => {
      throw Object.create(null);
    },
    { usedBytes: 0, error: expect.any(String) },
  ],
  ['returns nothing', () => wrong(undefined), { usedBytes: 0, error: expect.any(String) }],
  ['returns no number', () => ({ usedBytes: wrong('5') }), { usedBytes: 0, error: 'usedBytes is 5' }],
  [
    'never answers',
    async () => new Promise(() => undefined),
    { usedBytes: 0, error: expect.stringContaining('no answer') },
  ],
])('an observer that %s has its row, and does not harm the others', async (_, observer, row) => {
  const { memory } = makeManager();
  memory.observe('duckdb', observer);
  memory.observe('good', () => ({ usedBytes: 1, limitBytes: 2 }));
  const answers = await memory.observed();
  expect(answers).toEqual([
    { name: 'duckdb', limitBytes: null, ...row },
    { name: 'good', usedBytes: 1, limitBytes: 2 },
  ]);
  expect(memory.stats().observed).toEqual(answers);
});

test('an observer that was taken out or replaced is asked no more', async () => {
  const { memory } = makeManager();
  const stop = memory.observe('a', () => ({ usedBytes: 1 }));
  memory.observe('a', () => ({ usedBytes: 2 }));
  stop();
  expect(await memory.observed()).toMatchObject([{ usedBytes: 2 }]);
  memory.observe('b', () => ({ usedBytes: 3 }))();
  expect(await memory.observed()).toHaveLength(1);
});
