import { beforeAll, expect, test } from 'vitest';
import { SnapshotParser } from '../../../src/inspect/snapshot/snapshot-parser.ts';
import { trackedSnapshot } from './tracked.ts';

const kept: object[] = [];
let text: Buffer;

beforeAll(async () => {
  text = await trackedSnapshot(() => {
    for (let number = 0; number < 100; number += 1) kept.push({ number, name: `"\\\u00e9\u{1f600}${number}` });
  });
});

function parse(bytes: Buffer, partBytes: number): ReturnType<SnapshotParser['end']> {
  const parser = new SnapshotParser();
  for (let at = 0; at < bytes.length; at += partBytes) parser.push(bytes.subarray(at, at + partBytes));
  return parser.end();
}

interface Raw {
  nodes: number[];
  edges: number[];
  samples: number[];
  locations: number[];
  trace_function_infos: number[];
  trace_tree: unknown[];
  strings: string[];
}

test.each([1021, 65_537, 2 ** 30])('reads what JSON.parse reads, in parts of %i bytes', (partBytes) => {
  const raw: Raw = JSON.parse(text.toString('utf8'));
  const snapshot = parse(text, partBytes);
  expect(Buffer.from(snapshot.nodes.buffer).equals(Buffer.from(Uint32Array.from(raw.nodes).buffer))).toBe(true);
  expect(Buffer.from(snapshot.edges.buffer).equals(Buffer.from(Uint32Array.from(raw.edges).buffer))).toBe(true);
  expect([...snapshot.samples]).toEqual(raw.samples);
  expect([...snapshot.locations]).toEqual(raw.locations);
  expect([...snapshot.traceFunctionInfos]).toEqual(raw.trace_function_infos);
  expect(snapshot.strings.count).toBe(raw.strings.length);
  expect(raw.strings.every((string, index) => snapshot.strings.at(index) === string)).toBe(true);
  expect(snapshot.traceTree).toEqual(flatten(raw.trace_tree));
});

test('what breaks off, anywhere, is no snapshot', () => {
  for (let share = 0; share < 1; share += 0.04) {
    const part = text.subarray(0, Math.floor(text.length * share));
    expect(() => parse(part, 65_536)).toThrow(expect.objectContaining({ code: 'MEMTOOL_BAD_ANSWER' }));
  }
});

test.each([
  ['', 'it breaks off'],
  ['[1,2]', 'there is "["'],
  ['{"nodes":[1]}', 'there is "["'],
  ['{"snapshot":{}}', 'it has no `snapshot.meta`'],
  [`{"snapshot":${meta(2)},"nodes":[0,0,1,0,0],"edges":[],"strings":[]}`, 'and 10 are announced'],
  [`{"snapshot":${meta(1)},"nodes":[0,0,-1,0,0],"edges":[],"strings":[]}`, 'there is "-"'],
  [`{"snapshot":${meta(1)},"nodes":[0,0,1,0,0],"trace_tree":[1,2,[3]]}`, 'out of order'],
  [`{"snapshot":${meta(1)},"trace_tree":${'[1,0,0,0,'.repeat(2000)}`, 'too deep'],
  [`{"snapshot":${meta(1e12)}}`, 'node_count'],
])('%s is refused: %s', (malformed, reason) => {
  expect(() => parse(Buffer.from(malformed), 7)).toThrow(
    expect.objectContaining({ code: 'MEMTOOL_BAD_ANSWER', message: expect.stringContaining(reason) }),
  );
});

function meta(nodeCount: number): string {
  return JSON.stringify({
    meta: {
      node_fields: ['type', 'name', 'id', 'self_size', 'edge_count'],
      node_types: [['object'], 'string', 'number', 'number', 'number'],
      edge_fields: ['type', 'name_or_index', 'to_node'],
      edge_types: [['property'], 'string_or_number', 'node'],
    },
    node_count: nodeCount,
    edge_count: 0,
  });
}

function flatten(tree: unknown[]): { ids: number[]; functions: number[]; parents: number[] } {
  const flat: ReturnType<typeof flatten> = { ids: [], functions: [], parents: [] };
  const walk = (list: unknown[], parent: number): void => {
    for (let at = 0; at < list.length; at += 5) {
      const children = list[at + 4];
      flat.ids.push(Number(list[at]));
      flat.functions.push(Number(list[at + 1]));
      flat.parents.push(parent);
      if (Array.isArray(children)) walk(children, flat.ids.length - 1);
    }
  };
  walk(tree, -1);
  return flat;
}
