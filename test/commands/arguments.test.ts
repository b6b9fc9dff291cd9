import { expect, test } from 'vitest';
import { scanArguments } from '../../src/commands/arguments.ts';

test.each([
  ['stats --watch', 'stats --watch=2', 'stats'],
  ['stats --watch 5', 'stats --watch=5', 'stats'],
  ['stats --watch 1.5s orders', 'stats --watch=1.5s orders', 'stats'],
  ['stats --watch orders', 'stats --watch=2 orders', 'stats'],
  ['--watch stats', '--watch=2 stats', 'stats'],
  ['--watch --json stats', '--watch=2 --json stats', 'stats'],
  ['stats --scopes', 'stats --scopes=10', 'stats'],
  ['stats --scopes 50 orders', 'stats --scopes=50 orders', 'stats'],
  ['stats --scopes orders', 'stats --scopes=10 orders', 'stats'],
  ['stats --scopes --watch 5', 'stats --scopes=10 --watch=5', 'stats'],
  ['stats --sort --scopes', 'stats --sort --scopes', 'stats'],
  ['--timeout 3 leaks --age 5', '--timeout 3 leaks --age 5', 'leaks'],
  ['run app.js --watch 5', 'run app.js --watch 5', 'run'],
  ['run -- --watch app.js', 'run -- --watch app.js', 'run'],
  ['', '', undefined],
])('%s is read as %s', (typed, words, command) => {
  const scanned = scanArguments(typed.split(' ').filter((word) => word !== ''));
  expect(scanned.words.join(' ')).toBe(words);
  expect(scanned.command).toBe(command);
});

test.each([
  ['stats --json', true],
  ['--json run app.js', true],
  ['run --json app.js', true],
  ['run app.js --json', false],
  ['run -- --json app.js', false],
  ['cleanup --pool --json', false],
])('%s asks for JSON: %s', (typed, json) => {
  expect(scanArguments(typed.split(' ')).json).toBe(json);
});
