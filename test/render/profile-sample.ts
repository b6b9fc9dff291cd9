/** Profiles for the tests of what is made of them. */
import type { HeapProfileNode, ProcessProfile } from '../../src/report/profile.ts';

export const KIB = 1024;

interface Place {
  name?: string;
  url?: string;
  line?: number;
  column?: number;
}

let ids = 0;

/** A function, as V8 tells of it: line and column from 0. */
export function node(
  { name = '', url = '', line = -1, column = -1 }: Place,
  selfSize: number,
  ...children: HeapProfileNode[]
): HeapProfileNode {
  ids += 1;
  return {
    callFrame: { functionName: name, scriptId: '7', url, lineNumber: line, columnNumber: column },
    selfSize,
    id: ids,
    children,
  };
}

export function processProfile(head: HeapProfileNode, changed: Partial<ProcessProfile> = {}): ProcessProfile {
  const samples: ProcessProfile['profile']['samples'] = [];
  const sample = ({ id, selfSize, children }: HeapProfileNode): void => {
    if (selfSize > 0) samples.push({ size: selfSize, nodeId: id, ordinal: samples.length + 1 });
    for (const child of children) sample(child);
  };
  sample(head);
  return {
    pid: 4242,
    name: 'orders-api',
    nodeVersion: 'v20.20.2',
    uptimeSeconds: 3600,
    sampledAt: '2026-01-02T03:04:05.678Z',
    sampleBytes: 512 * KIB,
    watchedSeconds: 312,
    pauseMs: 61.4,
    startedMs: 1_767_322_733_000,
    endedMs: 1_767_323_045_000,
    profile: { head, samples },
    ...changed,
  };
}

/** Two stacks of an application, one through a package, and one of Node's own: 64 + 256 + 128 + 32 KiB. */
export function ordersProfile(): ProcessProfile {
  return processProfile(
    node(
      { name: '(root)' },
      0,
      node(
        { name: 'load', url: 'file:///srv/orders/cache%20file.js', line: 9, column: 4 },
        64 * KIB,
        node({ name: 'parse', url: '/srv/orders/node_modules/@scope/csv/index.js', line: 0, column: 20 }, 256 * KIB),
        node({ url: '/srv/orders/rows.js', line: 4, column: 11 }, 128 * KIB),
      ),
      node({ name: 'readFileSync', url: 'node:fs', line: 500, column: 0 }, 32 * KIB),
    ),
  );
}
