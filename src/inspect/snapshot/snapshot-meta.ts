import { badSnapshot } from './bad-snapshot.ts';
import type { SnapshotMeta } from './heap-snapshot.ts';

/** A heap of a gigabyte of the smallest objects has 50 million nodes. */
const ROWS_MAX = 2 ** 28;
const NODE_FIELDS = ['type', 'name', 'id', 'self_size', 'edge_count'];
const EDGE_FIELDS = ['type', 'name_or_index', 'to_node'];
const TRACE_NODE_FIELDS = ['id', 'function_info_index', 'count', 'size', 'children'];

/** @throws MemtoolError `MEMTOOL_BAD_ANSWER` when it is not laid out as those of Node 20 to 26 are */
export function readMeta(text: string): SnapshotMeta {
  const snapshot = record(parse(text), 'snapshot');
  const meta = record(snapshot['meta'], 'snapshot.meta');
  const nodeFields = names(meta['node_fields'], 'node_fields');
  const edgeFields = names(meta['edge_fields'], 'edge_fields');
  const missing = NODE_FIELDS.find((field) => !nodeFields.includes(field));
  if (missing !== undefined) throw badSnapshot(`its nodes have no \`${missing}\``);
  if (edgeFields.join() !== EDGE_FIELDS.join()) throw badSnapshot(`its edges are ${edgeFields.join()}`);
  const traceFields = names(meta['trace_node_fields'] ?? TRACE_NODE_FIELDS, 'trace_node_fields');
  if (traceFields.join() !== TRACE_NODE_FIELDS.join()) throw badSnapshot(`its traces are ${traceFields.join()}`);
  return {
    nodeCount: count(snapshot['node_count'], 'node_count'),
    edgeCount: count(snapshot['edge_count'], 'edge_count'),
    nodeFields,
    nodeTypes: firstNames(meta['node_types'], 'node_types'),
    edgeFields,
    edgeTypes: firstNames(meta['edge_types'], 'edge_types'),
    traceFunctionInfoFields: names(meta['trace_function_info_fields'] ?? [], 'trace_function_info_fields'),
    locationFields: names(meta['location_fields'] ?? [], 'location_fields'),
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw badSnapshot('its description is not JSON');
  }
}

function record(value: unknown, what: string): Record<string, unknown> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- any object may be looked into
  if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  throw badSnapshot(`it has no \`${what}\``);
}

function names(value: unknown, what: string): string[] {
  if (Array.isArray(value) && value.every((name) => typeof name === 'string')) return value;
  throw badSnapshot(`it has no \`${what}\``);
}

/** The first field is an index into a list of names. */
function firstNames(value: unknown, what: string): string[] {
  return names(Array.isArray(value) ? value[0] : undefined, what);
}

function count(value: unknown, what: string): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= ROWS_MAX) return value;
  throw badSnapshot(`its \`${what}\` is ${JSON.stringify(value)}`);
}
