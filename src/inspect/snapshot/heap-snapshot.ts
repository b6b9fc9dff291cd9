/** A heap snapshot of V8 in typed arrays, laid out as V8 writes it: `nodes[node * nodeFields.length + field]`. */
export interface HeapSnapshot {
  meta: SnapshotMeta;
  nodes: Uint32Array;
  edges: Uint32Array;
  traceFunctionInfos: Uint32Array;
  traceTree: TraceTree;
  /** Pairs of microseconds since tracking began, and the last object id that had been given out then. */
  samples: Uint32Array;
  /** Where closures come from: node offset, script, line, column. */
  locations: Uint32Array;
  strings: SnapshotStrings;
}

export interface SnapshotMeta {
  nodeCount: number;
  edgeCount: number;
  nodeFields: string[];
  nodeTypes: string[];
  edgeFields: string[];
  edgeTypes: string[];
  traceFunctionInfoFields: string[];
  locationFields: string[];
}

/** The tree of the stacks that allocated, one entry a frame; `parent` is an index, -1 at the root. */
export interface TraceTree {
  ids: number[];
  functions: number[];
  parents: number[];
}

/** Strings are many and few of them are looked at: they stay as they came, and are read when they are asked for. */
export interface SnapshotStrings {
  readonly count: number;
  at(index: number): string;
}

/** Where each field is in its row. */
export interface NodeLayout {
  fields: number;
  type: number;
  name: number;
  id: number;
  selfSize: number;
  edgeCount: number;
  /** -1 when allocations were not tracked. */
  traceNodeId: number;
}

export function nodeLayout({ nodeFields }: SnapshotMeta): NodeLayout {
  return {
    fields: nodeFields.length,
    type: nodeFields.indexOf('type'),
    name: nodeFields.indexOf('name'),
    id: nodeFields.indexOf('id'),
    selfSize: nodeFields.indexOf('self_size'),
    edgeCount: nodeFields.indexOf('edge_count'),
    traceNodeId: nodeFields.indexOf('trace_node_id'),
  };
}
