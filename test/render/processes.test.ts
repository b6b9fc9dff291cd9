import { expect, test } from 'vitest';
import { renderNothing, renderProcesses } from '../../src/render/processes.ts';
import { AT_80, PROCESSES } from './sample.ts';

test('80 columns: those with an agent first, the others with the reason', () => {
  expect(renderProcesses(PROCESSES, AT_80)).toMatchInlineSnapshot(`
    "   PID  NAME        AGENT  POOLS    CPU        RSS      UP
      4242  orders-api  yes        3  3.1 %   80.0 MiB  5m 12s
         7  worker.js   no         -  0.0 %  300.0 MiB  5m 12s
            no agent; restart it with \`memtool run worker.js\`"
  `);
});

test('nothing at all: what to type', () => {
  expect(renderProcesses({ ...PROCESSES, processes: [] }, AT_80)).toMatchInlineSnapshot(`
    "No process with a memtool agent is running.

    Start a program with the agent, then look at it:
      memtool run app.js
      memtool stats

    Or see memtool at work on an example: memtool demo"
  `);
});

test('nothing with an agent: what there is instead, largest first, and the line to type', () => {
  const startable = [
    { pid: 7, name: 'small.js', script: 'small.js', rssBytes: 1024, uptimeSeconds: 3 },
    { pid: 8, name: 'large.js', script: '/srv/large.js', rssBytes: 4096, uptimeSeconds: 90 },
  ];
  expect(renderNothing(startable, AT_80)).toMatchInlineSnapshot(`
    "No process with a memtool agent is running.

    These Node.js processes of yours have none:
      PID  NAME          RSS      UP
        8  large.js  4.0 KiB  1m 30s
        7  small.js  1.0 KiB      3s

    Look at one by its pid; that starts an agent in it, without a restart:
      memtool stats 8

    Or see memtool at work on an example: memtool demo"
  `);
});
