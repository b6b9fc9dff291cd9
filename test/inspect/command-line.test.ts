import { expect, test } from 'vitest';
import { isNodeExecutable, isTool, nameOf, scriptArgument } from '../../src/inspect/command-line.ts';

test.each([
  [['node', 'app.js'], 'app.js', 'app.js'],
  [['/usr/bin/node', '--inspect', 'lib/server.mjs', '--port', '80'], 'lib/server.mjs', 'server.mjs'],
  [['node', '--import', 'memtool/agent', '-r', 'dotenv', 'app.js'], 'app.js', 'app.js'],
  [['node', '--import=memtool/agent', 'app.js'], 'app.js', 'app.js'],
  [['node', '--', '-odd.js'], '-odd.js', '-odd.js'],
  [['node', '-e', 'while(1);'], undefined, '[eval]'],
  [['node', '--eval=1', 'x'], undefined, '[eval]'],
  [['node'], undefined, 'node'],
  [['npm run dev'], undefined, 'npm run dev'],
  [['/usr/bin/bash', '-l'], undefined, 'bash'],
  [[], undefined, ''],
])('%j', (commandLine, script, name) => {
  expect(scriptArgument(commandLine)).toBe(script);
  expect(nameOf(commandLine)).toBe(name);
});

test.each([
  ['/usr/bin/node', true],
  ['/opt/node-v20.1.0/bin/node (deleted)', true],
  ['/usr/bin/nodejs', true],
  ['/usr/bin/node20', true],
  ['/usr/bin/nodemon', false],
  ['/usr/bin/python3', false],
  ['', false],
])('%s is Node.js: %s', (path, is) => {
  expect(isNodeExecutable(path)).toBe(is);
});

test.each([
  [['node', '/app/node_modules/.bin/memtool', 'ps'], true],
  [['node', 'bin/memtool.js', 'stats'], true],
  [['npm exec memtool stats'], true],
  [['npm', 'run', 'dev'], false],
  [['node', 'app.js', 'memtool'], false],
])('memtool and the npm that runs it are no targets: %j', (commandLine, expected) => {
  expect(isTool(commandLine)).toBe(expected);
});
