import { expect, test } from 'vitest';
import type { HeapSnapshot } from '../../../src/inspect/snapshot/heap-snapshot.ts';
import { findRetainers } from '../../../src/inspect/snapshot/retainers.ts';

const SITE = 'make (/app/make.js:3:7)';
const NODE_TYPES = ['hidden', 'array', 'string', 'object', 'closure', 'synthetic'];
const EDGE_TYPES = ['context', 'element', 'property', 'internal', 'hidden', 'shortcut', 'weak'];

interface Node {
  type?: string;
  name: string;
  /** Made by the site. */
  made?: boolean;
  edges?: [type: string, name: string | number, to: string][];
}

/** A snapshot of these objects; the first is the root. `make` allocated what is `made`, each of 10 bytes. */
function snapshotOf(objects: Record<string, Node>): HeapSnapshot {
  const strings: string[] = [];
  const intern = (text: string): number => (strings.includes(text) ? strings.indexOf(text) : strings.push(text) - 1);
  const keys = Object.keys(objects);
  const nodes: number[] = [];
  const edges: number[] = [];
  for (const [index, { type = 'object', name, made = false, edges: own = [] }] of Object.values(objects).entries()) {
    nodes.push(NODE_TYPES.indexOf(type), intern(name), index * 2 + 1, 10, own.length, made ? 2 : 0);
    for (const [kind, edge, to] of own)
      edges.push(EDGE_TYPES.indexOf(kind), typeof edge === 'number' ? edge : intern(edge), keys.indexOf(to) * 6);
  }
  const infos = [0, intern('(root)'), intern(''), 0, 0, 0, 1, intern('make'), intern('file:///app/make.js'), 4, 3, 7];
  return {
    meta: {
      nodeCount: keys.length,
      edgeCount: edges.length / 3,
      nodeFields: ['type', 'name', 'id', 'self_size', 'edge_count', 'trace_node_id'],
      nodeTypes: NODE_TYPES,
      edgeFields: ['type', 'name_or_index', 'to_node'],
      edgeTypes: EDGE_TYPES,
      traceFunctionInfoFields: ['function_id', 'name', 'script_name', 'script_id', 'line', 'column'],
      locationFields: [],
    },
    nodes: Uint32Array.from(nodes),
    edges: Uint32Array.from(edges),
    traceFunctionInfos: Uint32Array.from(infos),
    traceTree: { ids: [1, 2], functions: [0, 1], parents: [-1, 0] },
    samples: new Uint32Array(0),
    locations: new Uint32Array(0),
    strings: { count: strings.length, at: (index) => strings[index] ?? '' },
  };
}

const root = (to: string): Node => ({ type: 'synthetic', name: '', edges: [['shortcut', 'g', to]] });

test('folds indices and what is the engine’s, and counts what hangs on a survivor with it', () => {
  const found = findRetainers(
    snapshotOf({
      root: root('global'),
      global: { name: 'global / ', edges: [['property', 'app', 'app']] },
      app: {
        name: 'Object',
        edges: [
          ['property', 'sessions', 'map'],
          ['property', 'list', 'list'],
        ],
      },
      map: { name: 'Map', edges: [['internal', 'table', 'table']] },
      table: {
        type: 'array',
        name: '',
        made: true,
        edges: [
          ['internal', '3', 'one'],
          ['internal', '6', 'two'],
        ],
      },
      one: { name: 'Session', made: true, edges: [['property', 'data', 'data']] },
      two: { name: 'Session', made: true },
      data: { type: 'string', name: 'text', made: true },
      list: { name: 'Array', edges: [['element', 7, 'three']] },
      three: { name: 'Object', made: true },
    }),
    [SITE],
  );
  expect(found).toEqual({
    survivors: { count: 4, bytes: 40 },
    paths: [
      { path: ['global', 'app', 'sessions (Map)', 'entry Session'], count: 3, bytes: 30 },
      { path: ['global', 'app', 'list (Array)', '[…]'], count: 1, bytes: 10 },
    ],
  });
});

test('weak edges keep nothing, and an entry of a WeakMap is kept by its key', () => {
  const pair = '1 / part of key (Key @5) -> value (Object @9) pair in WeakMap (table @7)';
  const found = findRetainers(
    snapshotOf({
      root: root('global'),
      global: {
        name: 'global / ',
        edges: [
          ['weak', 'a', 'weak'],
          ['property', 'table', 'table'],
          ['property', 'longer', 'between'],
        ],
      },
      key: { name: 'Key', edges: [['internal', pair, 'value']] },
      table: { name: 'WeakMap', edges: [['internal', pair, 'value']] },
      value: { name: 'Object', made: true },
      between: { name: 'Object', edges: [['property', 'key', 'key']] },
      weak: { name: 'Object', made: true },
    }),
    [SITE],
  );
  expect(found.survivors.count).toBe(1);
  expect(found.paths[0]?.path.slice(0, 3)).toEqual(['global', 'longer', 'key (Key)']);
});

test('a list linked by its members is one step, however long', () => {
  const members = Object.fromEntries(
    Array.from({ length: 20_000 }, (_, index): [string, Node] => [
      `m${index}`,
      { name: 'Link', edges: [['property', 'next', `m${index + 1}`]] },
    ]),
  );
  const { paths } = findRetainers(
    snapshotOf({
      root: root('global'),
      global: { name: 'global / ', edges: [['property', 'first', 'm0']] },
      ...members,
      m20000: { name: 'Job', made: true },
    }),
    [SITE],
  );
  expect(paths).toEqual([{ path: ['global', 'first (Link)', 'next (Link)', 'next (Job)'], count: 1, bytes: 10 }]);
});

test('an edge that leads nowhere is no snapshot', () => {
  const broken = snapshotOf({ root: root('global'), global: { name: 'global / ' } });
  broken.edges[2] = 7;
  expect(() => findRetainers(broken, [SITE])).toThrow(expect.objectContaining({ code: 'MEMTOOL_BAD_ANSWER' }));
});

test('of a place that made nothing, nothing is told', () => {
  const snapshot = snapshotOf({ root: root('global'), global: { name: 'global / ', made: true } });
  expect(findRetainers(snapshot, ['other (/app/other.js:1:1)'])).toEqual({
    survivors: { count: 0, bytes: 0 },
    paths: [],
  });
});
